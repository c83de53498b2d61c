"""Every code of the API's own, in answers of failure and in reports; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "bad-request": Code(
        "Parameters or body are not what the operation takes (status 400).",
        "Correct what the message names; `/openapi.json` describes every operation.",
    ),
    "unauthorized": Code(
        "The caller gave no token, or a wrong one (401).",
        "Send `Authorization: Bearer TOKEN` with the server's token.",
    ),
    "forbidden": Code(
        "The request came under a name of the server that is not known (403).",
        "Call the server by an address, by `localhost`, or by a name given to `--host-name`.",
    ),
    "not-found": Code(
        "No such path, object, proxy, instance or revision (404).",
        "Look at the listing above it.",
    ),
    "method-not-allowed": Code(
        "The path has other methods (405).",
        "Use a method that the header `Allow` names.",
    ),
    "conflict": Code(
        "The object belongs to another owner, or changed meanwhile (409).",
        "Read the object again and repeat the change, or change it where its owner is.",
    ),
    "too-large": Code(
        "The body is larger than is read (413).",
        "Split the change.",
    ),
    "invalid-input": Code(
        "The input is wrong or refused; `reports` say why (422).",
        "Mend what the reports name.",
    ),
    "refused": Code(
        "The request was understood and not accepted (422).",
        "Follow the message, or say `force` where it offers that.",
    ),
    "history-unavailable": Code(
        "The change could not be recorded, and nothing was changed (503).",
        "Free the disk and ask again.",
    ),
    "unavailable": Code(
        "Nothing was changed; asking again later may succeed (503).",
        "Ask again.",
    ),
    "fault-campaign": Code(
        "A fault campaign runs: some failures are injected.",
        "Nothing, if it is meant; else end it with `pidalio fault stop`.",
    ),
    "internal": Code(
        "A mistake of ours; the control plane's log has it (500).",
        "Report it with the log.",
    ),
}
