"""manifests.py VERSION FILE...: the documents of Kubernetes manifests as JSON, when all of them are valid.

VERSION is that of Kubernetes whose published schema holds; what the schema does not know is a mistake. With `-` for
VERSION the files may be any YAML, and are only read.
"""

import json
import sys

import yaml

version, *files = sys.argv[1:]
documents = [document for name in files for document in yaml.safe_load_all(open(name))]
if version != "-":
    import kubernetes_validate

    for document in documents:
        # An unknown kind raises as well.
        used = kubernetes_validate.validate(document, version, strict=True)
        if used != version:
            sys.exit(f"no schema of {version}, only of {used}")
json.dump(documents, sys.stdout)
