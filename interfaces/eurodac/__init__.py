"""Regulation (EU) 2024/1358 as tables and pure functions: what both parties of the wire obey.

    categories    who is recorded or searched, one row each
    fields        the 32 fields by category; dataset: the data set and what may be sent or changed
    terms         the values that a data set is made of
    reference     the reference number
    capture       age, minors, the ten fingers; ages: ages at a day
    periods       hours, days, months, working days; states: calendars and letters
    circumstances what moves a clock; deadlines: when data are sent, compared, reported
    comparison    what is compared with what; outcome: from a hit to a finding
    sequence      all data sets of one person
    flags         security flag, marks, notices; updates: events after the first transmission
    retention     how long data are kept, what erases them early
    casework      from a hit to the next legal step; limits: the table of its limits;
                  caseclock: all running limits of a case and the effects of silence;
                  progress: what drives that clock; duties: what it asks of a State
    police        searches for law enforcement and by Europol; rights: who may learn what
    statistics    the monthly figures of Art. 12(1); returns: return indicators
    links         colours of links between systems
    codes         refusal codes; errors: RuleBroken; policy: our decisions where the law is open
    page          all tables as a page for a lawyer

Nothing here reads a clock, a file or the environment: the moment and the policy are passed in.
"""
