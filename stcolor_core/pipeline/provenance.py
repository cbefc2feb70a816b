"""Say in a file how it was made, so that an archive can tell: by what, and the IPTC's digital source type.

The type is a term of cv.iptc.org/newscodes/digitalsourcetype: a captured picture with parts from a trained model.
"""

from __future__ import annotations

from stcolor_core import __version__
from stcolor_core.shots.shot import Shot

__all__ = ["DIGITAL_SOURCE_TYPE", "SOFTWARE", "describe_provenance", "xmp_packet"]

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
SOFTWARE = f"RefColorize {__version__}"


def describe_provenance(shot: Shot) -> str | None:
    """Return a line for files that hold only texts, such as movies; None if the shot is not to say it.

    Args:
        shot: The shot whose frames are in the file.
    """
    return f"Coloured with {SOFTWARE}; digital source type {DIGITAL_SOURCE_TYPE}" if shot.output.provenance else None


def xmp_packet() -> str:
    """Return the XMP of a picture, in which photo archives look for the type."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'xmp:CreatorTool="{SOFTWARE}" Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}"/>'
        "</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    )
