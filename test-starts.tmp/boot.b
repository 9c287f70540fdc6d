8883746573ac1004 {"lines": 1}
265397a887f9a527 {"count": 2, "crash": 1, "quick": 1, "clean": false, "steady": false, "last": ["ValueError", "test_starts:71", "* is wrong"]}
