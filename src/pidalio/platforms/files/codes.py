"""Every code that a report about files can carry beside those of `api`; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "no-such-file": "A path that was given does not exist.",
    "unreadable": "A file or folder cannot be read: permissions, a device, an error of the disk.",
    "no-files": "A folder holds no file that is read.",
    "not-watched": "The system does not let folders be watched: changes are found by scanning only.",
}
