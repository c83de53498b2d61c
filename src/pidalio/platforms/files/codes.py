"""Every code that a report about files can carry beside those of `api`; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "no-such-file": Code(
        "A path that was given does not exist.",
        "Correct the path.",
    ),
    "unreadable": Code(
        "A file or folder cannot be read: permissions, a device, an error of the disk.",
        "Give the user who runs pidalio the right to read it.",
    ),
    "no-files": Code(
        "A folder holds no file that is read.",
        "Name a folder with `.yaml`, `.yml` or `.json` files.",
    ),
    "not-watched": Code(
        "The system does not let folders be watched: changes are found by scanning only.",
        "Nothing: changes are found, some seconds later; a higher `fs.inotify.max_user_watches` makes it quick again.",
    ),
}
