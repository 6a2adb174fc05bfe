"""``python -m fastapi_tenancy`` is the `tenancy` command."""

from fastapi_tenancy.cli.app import main

if __name__ == "__main__":
    main()
