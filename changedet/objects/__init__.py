"""One object at a time: its footprint's series over all dates, the same for control places, and what they say.

``shapes.py`` turns a footprint into weights on the grid, ``series.py`` adds the pixels up, ``controls.py`` chooses
places to compare with, ``scan.py`` is the max-scan on series, ``inject.py`` puts the claimed change into the controls,
``dating.py`` gives the date, ``assess.py`` is all of it in order.
"""
