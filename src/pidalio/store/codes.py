"""Every code that a report of the store can carry, with one sentence each; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "declared-twice": Code(
        "An object is declared in two places; identical declarations are a warning.",
        "Keep one of the two places.",
    ),
    "owned-elsewhere": Code(
        "An object belongs to a file or a platform and can be changed only there.",
        "Change the file or platform that the message names.",
    ),
    "not-found": Code(
        "No object of this name exists.",
        "Look at `pidalio get KIND`.",
    ),
    "kept": Code(
        "Objects are no longer found in a file whose mistakes hide what it holds; they stay until it is mended.",
        "Mend the file; what it no longer holds vanishes then.",
    ),
    "kept-last-known": Code(
        "Nearly all instances of a platform, or all files, went at once: what was known last stays in force.",
        "Mend the platform, or bring the files back; if it is meant, say `pidalio release` with the source's name.",
    ),
    "kinds-not-read": Code(
        "Documents are of kinds that are not read.",
        "Nothing, if they are for others; else see [Kinds](kinds.md).",
    ),
}
