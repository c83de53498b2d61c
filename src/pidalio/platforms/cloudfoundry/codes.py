"""Every code that a report about a Cloud Foundry can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "cloudfoundry-message": Code(
        "A message about a route means nothing, or part of it does: the platform's own router drops it too.",
        "Mend who sends it: the message names the app and the host; everything else is untouched.",
    ),
    "cloudfoundry-unverified": Code(
        "Instances speak TLS, and nobody here knows who signs their certificates: they are left out.",
        "State `instanceCa`: the PEM file with the CA of instance identities (diego_instance_identity_ca.ca).",
    ),
    "cloudfoundry-route-service": Code(
        "Requests of a route belong to a route service, which is not called: its instances are left out.",
        "Unbind the route service, or state `unserved=bypass` where requests may go past it.",
    ),
    "cloudfoundry-option": Code(
        "A route asks for a way to balance that is not known here: least requests count.",
        "State it in a DestinationRule for the route's host.",
    ),
    "cloudfoundry-silent": Code(
        "Instances with TLS were not registered again for six intervals: they may be gone, and stay until it is said.",
        "Look at the route emitters of their cells; with `api` the Cloud Controller is asked whether they are there.",
    ),
    "cloudfoundry-dropped": Code(
        "Messages came faster than they were read, and some were lost: instances may be there that are gone.",
        "Nothing at once: what runs is registered again; give the control plane more of a processor if it stays.",
    ),
    "cloudfoundry-api": Code(
        "The Cloud Controller cannot be read: names, labels and weights stay as they were; instances are followed.",
        "Do what the message says of the API, the token or the client's rights.",
    ),
}
