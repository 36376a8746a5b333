"""`python -m services.cli`: the command line."""

from services.cli.main import main

if __name__ == "__main__":
    main()
