"""Results and benchmark (S1, S2, S3): published period by period, so that nobody is singled out by subtraction.

    periods       months and quarters by their names
    cells         what is published: a cell is one table's figure for one question
    releasing     which responses are released together, and when; the rule that everything here stands on
    grouping      the benchmark of a quarter, out of what its partners have published
    publication   closing a month: what is known of it, what is released, which cells that makes
    book          the book's side: responses, locations, customer organisations, solution areas, business models

**The rule.** Every answer that is ever told belongs to one *release*: a set of at least five respondents (`Floor.respondents`)
of one membership who did not all answer the same. Every figure that is published is a sum over whole releases. So is each
sum and difference of published figures, of whatever tables, periods, versions and downloads: with the respondents as
unknowns, such a combination has one coefficient for all respondents of a release. None isolates fewer than five; and since
the respondents of a release may be exchanged for one another without changing any figure, no figure says who of them
answered what.

What follows from it:

* A month is released by itself when it is closed, if there are enough in it. When its quarter is closed, what is left of the
  quarter is released together, if it is enough; else the quarter has no figure, and neither has a month of the rest. What
  is then left of closed quarters is released for the membership's life alone, as soon as it is enough; where each quarter has
  four left (one less than the floor), the last of them goes on waiting, for else the sum would tell these counts.
* A release is told apart by location, and within it by customer organisation, where each part, and the rest, is one. A rest
  whose parts each have four does not count as one, for the same reason.
* A month's figure counts all its responses, or there is none; so does a quarter's. Either is told for the first time when
  something of it is released: a quarter of whose end nothing is, is withheld, also where nothing was left, or a quarter
  that is not told would say that something is. Life counts what is released.
* What is published stays. Late responses change a figure when they are a release of their own; voided ones leave it when as
  many of one release are void, and as many stay. Both are needed: the sum of one who left and four who came tells the answer
  of the one, if it is none of the four's. Erased answers stay in the sums that they are in.
* Peer groups count whole figures of partners; they do not overlap, and a group is told only where five partners
  (`Floor.partners`) are in it and, whichever of them takes its own answers away, none has more than half of the rest. A
  total of several groups is told where what no group
  beneath it tells is nothing, or as many. Groups are tabulated once, when their quarter is closed: two versions of a
  group would differ by one partner.

Who knows from elsewhere how many responses a period has (a partner sees these counts) learns from a figure that is withheld,
although there are enough, that its answers are the same or wait for others; not which answer it is.
"""
