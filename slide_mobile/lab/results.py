"""lab.json: what labs found about an artifact, beside its manifest."""

from slide_mobile.artifact import atomic, documents
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.artifact.folder import LAB as FILE
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import ArtifactError
from slide_mobile.isolation import files
from slide_mobile.lab.verdict import LabResults


def save(artifact: ArtifactFolder, found: LabResults) -> None:
    """Write lab.json; what it holds about this artifact by other labs is kept."""
    labs = {verdict.lab for verdict in found.verdicts}
    earlier = read(artifact)
    kept = () if earlier is None else (v for v in earlier.verdicts if v.lab not in labs)
    whole = LabResults(
        manifest_sha256=found.manifest_sha256,
        verdicts=tuple(sorted((*kept, *found.verdicts), key=lambda v: (v.lab, v.arithmetic))),
    )
    atomic.write_file(artifact.root / FILE, documents.encode(whole))


def read(artifact: ArtifactFolder) -> LabResults | None:
    """The results about this very artifact; None without lab.json, or for an earlier artifact.

    Raises ArtifactError for a file that is not one.
    """
    path = artifact.root / FILE
    try:
        found = documents.decode(files.read(path, most=documents.MOST_BYTES), LabResults)
    except FileNotFoundError:
        return None
    except (OSError, DocumentError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; delete it, and run the labs") from error
    return found if found.manifest_sha256 == artifact.manifest_sha256 else None
