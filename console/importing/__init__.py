"""What survey tools and partners export, read by a map into facts (docs/importing.md has the form of a map).

reading/       files as rows: CSV, XLSX, JSON; bounded, whatever stands in them
mapping        a map as values; map_files reads it from TOML, shipped ones lie in maps/
time_forms     times as tools write them; zones makes instants of local ones
cells          one cell to one value of a fact
ids            ids that are the same whenever the same export is imported
converting     one row to its facts and its contact
account        what became of each row
running        a whole export: first dry, then for good
"""
