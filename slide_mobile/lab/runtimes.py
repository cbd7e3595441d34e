"""The lab of older TFLite runtimes: those that apps still contain, in environments of their own."""

from functools import partial

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.process import WORKERS, Ran, Worker
from slide_mobile.recipes import lookup
from slide_mobile.targets import environments

# Environment and name of the runtime, by lab. tflite-runtime 2.14 is the oldest TFLite in apps, and
# 2.17 the newest stable pod for iOS.
RUNTIMES = {
    "runtimes-2.14": ("tflite-runtime-2.14", "tflite-runtime"),
    "runtimes-2.17": ("tensorflow-2.17", "TensorFlow"),
    "runtimes-2.18": ("tensorflow-2.18", "TensorFlow"),
    "runtimes-2.19": ("tensorflow-2.19", "TensorFlow"),
    "runtimes-newest": ("litert-newest", "LiteRT"),
}
_SECONDS = 600.0


def run(environment: str, artifact: ArtifactFolder, inputs: Inputs) -> Ran:
    """Run a file on the runtime of an environment; raises WorkerFailed, EnvironmentMissing."""
    python = str(environments.python_of(environment))
    worker = Worker(command=(python, "-I", str(WORKERS / "litert.py")), seconds=_SECONDS)
    return worker.run(artifact.model_path, inputs)


def _executions(environment: str, runtime: str, manifest: Manifest) -> tuple[Execution, ...]:
    return (
        Execution(
            arithmetic="fp32",
            min_sqnr_db=lookup(manifest.precision).min_sqnr_db,
            run=partial(run, environment),
            executor=lambda ran: f"{runtime} {ran.said.release}, XNNPACK",
        ),
    )


RUNTIME_LABS = tuple(
    Lab(
        name=name,
        targets=("tflite",),
        proves="this release of TFLite loads the file and computes what PyTorch computes",
        leaves_open="its kernels on Arm: it runs on this machine's CPU",
        environments=(environment,),
        executions=partial(_executions, environment, runtime),
    )
    for name, (environment, runtime) in RUNTIMES.items()
)
