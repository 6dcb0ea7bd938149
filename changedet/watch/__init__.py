"""Many sites, again and again: only what is new is looked at, and only what is new is reported.

The archive is the state. Each look at a new acquisition becomes one small file, ``<site>/looks/<time>-<stack>.json``,
written whole or not at all and never changed; everything else of the archive (``watch.json``, the feed, the page, the
alerts still to send) follows from these files and can be made again from them.

============== =====================================================================================================
``config``     ``watch.yaml``: alarms per year, windows, where alerts go
``records``    what is written down: ``Look``, ``Sighting``, ``Rules``
``budget``     how much of the false-alarm budget a look may spend
``places``     looks → places that changed: provisional, confirmed, withdrawn, with their history
``ledger``     the looks of one site on disk, and their fold
``layers``     dates of a site on its grid, kept from look to look
``step``       one site: what is new, look by look
``alerts``     what is to be said and to whom; ``webhook`` and ``mail`` are channels, ``feed`` is a file of the archive
``watcher``    all sites, the lock, the signals, once or again and again
``status``     what is known of each site and how old it is
``overview``   ``index.html`` of the archive
============== =====================================================================================================
"""
