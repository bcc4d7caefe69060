"""What a registry document says of XML: the root of a request body, and names that are not the keys."""

from __future__ import annotations

from tablecloud.catalog.readers.composition import kind_of, properties_of
from tablecloud.catalog.readers.refs import Node, Pointers, as_node, as_text, ref_name
from tablecloud.catalog.xml_shapes import XmlBody, XmlShape

_NOTHING = XmlShape()


def xml_body_of(pointers: Pointers, schema: Node, request: Node) -> XmlBody | None:
    """Return how a body is written, None where the document does not say what its root is.

    Parameters:
        schema: of the body. One without a name that has one property, an object, is a frame for that object.
        request: the method's `request` block.
    """
    root = as_text(as_node(pointers.follow(schema).get("xml")).get("name")) or ref_name(schema)
    if not root:
        kinds = [kind_of(pointers, each) for each in properties_of(pointers, schema).values()]
        if kinds != ["object"]:
            return None
    return XmlBody(
        shape=_shape(pointers, schema, ()),
        root=root,
        declaration=as_text(request.get("xmlDeclaration")),
        annotation=as_text(request.get("xmlRootAnnotation")),
    )


def element_names(pointers: Pointers, schema: Node) -> dict[str, str]:
    """Return the properties of a row that are called otherwise in XML, with the names of their elements."""
    found = {
        key: as_text(as_node(declared.get("xml")).get("name"))
        or as_text(as_node(pointers.follow(declared).get("xml")).get("name"))
        for key, declared in properties_of(pointers, schema).items()
        if "xml" in declared or "$ref" in declared
    }
    return {key: name for key, name in found.items() if name}


def _shape(pointers: Pointers, schema: object, above: tuple[str, ...]) -> XmlShape:
    """Return a schema's shape; one that holds itself ends where it would begin again."""
    name = ref_name(as_node(schema))
    if name and name in above:
        return _NOTHING
    above = (*above, name) if name else above
    node = pointers.follow(schema)
    # What stands beside a reference is meant for this place.
    xml = {**as_node(node.get("xml")), **as_node(as_node(schema).get("xml"))}
    items = _shape(pointers, node["items"], above) if "items" in node else _NOTHING
    below = {key: _shape(pointers, each, above) for key, each in properties_of(pointers, node).items()}
    return XmlShape(
        name=as_text(xml.get("name")),
        namespace=as_text(xml.get("namespace")),
        prefix=as_text(xml.get("prefix")),
        attribute=xml.get("attribute") is True,
        wrapped=xml.get("wrapped") is True,
        properties={key: shape for key, shape in below.items() if shape != _NOTHING},
        items=None if items == _NOTHING else items,
    )
