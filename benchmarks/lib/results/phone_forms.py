"""phone_forms.json: forms that an estimate of cycles chose for a core of a phone."""

from benchmarks.lib.results.document import Result, Row
from slide_mobile.artifact.documents import Count, NonNegative, Text
from slide_mobile.deploy.forms import Attention, Form, Shape


class EstimatedForm(Row, frozen=True, kw_only=True):
    """A stage in one form: millions of cycles, data in the first cache, and what memory adds."""

    form: Form
    compute: NonNegative
    memory: NonNegative
    partitions: Count
    outside: Count


class PhoneFormRow(Row, frozen=True, kw_only=True):
    """The form chosen for a stage on a core, and what decided it; the first is the plain one.

    `on_x86` is its time on x86 over that of the form in forms.json: the median of pairs in turn.
    """

    core: Text
    target: Text
    backend: Text
    precision: Text
    attention: Attention
    shape: Shape
    form: Form
    on_x86: NonNegative
    estimated: tuple[EstimatedForm, ...]


class PhoneForms(Result, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[PhoneFormRow, ...]
