"""What a well-typed object must also fulfil, one module per kind (reference §1.1–1.6, columns "Validation").

Each `validate(spec, meta, found)` notes mistakes in `found`, with paths inside the spec.
"""
