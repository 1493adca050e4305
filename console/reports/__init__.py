"""The monthly report as a page that prints well, with charts that also read as tables, and as CSV (S1).

    page      the page: HTML with everything in it, no script, nothing from another host
    charts    charts as SVG, each with a title and a description, beside a table of the same figures
    figures   the report as CSV, for spreadsheets

They render `projections.questions.report` and compute nothing.
"""
