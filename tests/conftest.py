def pytest_addoption(parser):
    parser.addoption("--golden-update", action="store_true", help="rewrite the files that golden tests compare with")
