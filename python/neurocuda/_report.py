"""What a validation measured."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from html import escape
from typing import Any


class Report:
    """What `validate` measured, on the same images: float network, integer network and spiking network.

    Every figure is the compiler's; `to_dict` has all of them, as the page *Validation report* of the documentation explains.
    Accuracies are fractions between 0 and 1, and `None` without class labels.

    Example:
        >>> report = neurocuda.validate(snn, test_loader)
        >>> report.passed, report.snn_accuracy
        (True, 0.9934)
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = copy.deepcopy(dict(fields))

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return bool(self._fields["passed"])

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self._fields["images"])

    @property
    def ann_accuracy(self) -> float | None:
        """Top-1 accuracy of the network as PyTorch states it."""
        return self._accuracy("float")

    @property
    def integer_accuracy(self) -> float | None:
        """Top-1 accuracy of the integer network."""
        return self._accuracy("integer")

    @property
    def snn_accuracy(self) -> float | None:
        """Top-1 accuracy of the spiking network."""
        return self._accuracy("snn")

    @property
    def ann_accuracy_interval(self) -> tuple[float, float] | None:
        """Where `ann_accuracy` lies with 95 % confidence (Wilson's interval)."""
        return self._interval("float_interval")

    @property
    def integer_accuracy_interval(self) -> tuple[float, float] | None:
        """Where `integer_accuracy` lies with 95 % confidence."""
        return self._interval("integer_interval")

    @property
    def snn_accuracy_interval(self) -> tuple[float, float] | None:
        """Where `snn_accuracy` lies with 95 % confidence."""
        return self._interval("snn_interval")

    @property
    def drop(self) -> float | None:
        """`ann_accuracy − snn_accuracy`, in percentage points."""
        return self._accuracy("drop_points")

    @property
    def drop_error(self) -> float | None:
        """Paired standard error of `drop`, in percentage points."""
        return self._accuracy("drop_standard_error")

    @property
    def p_value(self) -> float | None:
        """Probability of a difference as large as this if both networks were right equally often (McNemar's test)."""
        accuracy = self._fields.get("accuracy")
        return None if accuracy is None else float(accuracy["mcnemar"]["p"])

    @property
    def agreement(self) -> float | None:
        """Fraction of images on which the spiking network predicts what the float network does."""
        agreement = self._fields.get("agreement")
        return None if agreement is None else float(agreement)

    @property
    def agreement_interval(self) -> tuple[float, float] | None:
        """Where `agreement` lies with 95 % confidence; `None` for pixels, as those of one image are not independent."""
        interval = self._fields.get("agreement_interval")
        return None if interval is None else (float(interval[0]), float(interval[1]))

    @property
    def curve(self) -> dict[str, Any] | None:
        """`accuracy` and `agreement` after each of `steps`; `None` where no output tells one class of an image."""
        return copy.deepcopy(self._fields.get("curve"))

    @property
    def sops_per_mac(self) -> float | None:
        """Synaptic operations for each multiply-accumulate of the float network."""
        ratio = self._fields.get("sops_per_mac")
        return None if ratio is None else float(ratio)

    @property
    def exact(self) -> bool | None:
        """Whether every logit equals the integer network's; `None` for `rate`, which approximates."""
        logits = self._fields["logits"]
        return logits["equal"] == logits["compared"] if logits["compared"] else None

    @property
    def layers(self) -> list[dict[str, Any]]:
        """One entry a layer of neurons: `name`, `neurons`, `spikes_per_image`, `spikes_per_neuron`, `firing_rate`, `error`,
        `spiking_error`, `saturated`, `dead`, `always_saturated`, `spike_histogram`, `membrane_bound`."""
        return copy.deepcopy(self._fields["layers"])

    @property
    def gates(self) -> list[dict[str, Any]]:
        """What was demanded: `name`, `passed`, `detail`."""
        return copy.deepcopy(self._fields["gates"])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """One entry an output, with its errors against the float network."""
        return copy.deepcopy(self._fields["outputs"])

    def to_dict(self) -> dict[str, Any]:
        """All figures, as in the JSON file that `neurocudac validate --report` writes."""
        return copy.deepcopy(self._fields)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The same as text, and into a file if one is named."""
        text = json.dumps(self._fields, indent=2) + "\n"
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def _accuracy(self, name: str) -> float | None:
        accuracy = self._fields.get("accuracy")
        return None if accuracy is None else float(accuracy[name])

    def _interval(self, name: str) -> tuple[float, float] | None:
        accuracy = self._fields.get("accuracy")
        return None if accuracy is None else (float(accuracy[name][0]), float(accuracy[name][1]))

    def _facts(self) -> list[tuple[str, str]]:
        fields = self._fields
        facts = [
            ("network", f"{fields['network']}, {fields['schedule']}, {fields['levels']} levels"),
            ("images", str(self.images)),
        ]
        if self.ann_accuracy is not None:
            facts += [
                ("accuracy, float network", _with_interval(self.ann_accuracy, self.ann_accuracy_interval)),
                ("accuracy, integer network", _with_interval(self.integer_accuracy, self.integer_accuracy_interval)),
                ("accuracy, spiking network", _with_interval(self.snn_accuracy, self.snn_accuracy_interval)),
                ("drop", f"{self.drop:.2f} ± {self.drop_error:.2f} points; McNemar p = {_probability(self.p_value)}"),
            ]
        if self.agreement is not None:
            facts.append(("agreement with the float network", _with_interval(self.agreement, self.agreement_interval)))
        logits, neurons, steps = fields["logits"], fields["neurons"], fields["steps"]
        if logits["compared"]:
            facts.append(("logits equal to the integer network", f"{logits['equal']} of {logits['compared']}"))
        facts += [(f"error of output {output['name']}", _percent(output.get("error"))) for output in fields["outputs"]]
        settled = steps.get("settled_max")
        facts.append(("steps", f"{steps['bound']}" if settled is None else f"settled after {settled} at most; proved bound {steps['bound']}"))
        facts.append(("neurons", f"{neurons['converted']} of {neurons['found']} nonlinear elements converted"))
        facts.append(("spikes per image", f"{fields['spikes_per_image']:.0f}"))
        ratio = "" if self.sops_per_mac is None else f"; {self.sops_per_mac:.2f} for each multiply-accumulate"
        facts.append(("synaptic operations per image", f"{fields['sops_per_image']:.0f}{ratio}"))
        return facts

    def __repr__(self) -> str:
        facts = self._facts()
        width = max(len(name) for name, _ in facts)
        lines = [f"{name:<{width}}  {value}" for name, value in facts]
        lines += [f"{'pass' if gate['passed'] else 'FAIL'} {gate['name']}: {gate['detail']}" for gate in self._fields["gates"]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Tables for a notebook."""
        facts = "".join(_row(name, value) for name, value in self._facts())
        gates = "".join(_row("✓" if gate["passed"] else "✗", gate["name"], gate["detail"]) for gate in self._fields["gates"])
        head = _row("layer", "neurons", "spikes/image", "error", "spiking", "saturated", "dead", cell="th")
        layers = "".join(
            _row(
                layer["name"],
                layer["neurons"],
                f"{layer['spikes_per_image']:.1f}",
                _percent(layer.get("error")),
                _percent(layer.get("spiking_error")),
                _percent(layer.get("saturated"), 3),
                "-" if layer.get("dead") is None else layer["dead"],
            )
            for layer in self._fields["layers"]
        )
        verdict, color = ("passed", "#2a7d2a") if self.passed else ("FAILED", "#b00020")
        return (
            f'<div><b style="color:{color}">{verdict}</b><table>{facts}</table>'
            f"<table>{gates}</table><details open><summary>layers</summary><table>{head}{layers}</table></details></div>"
        )

    def __eq__(self, other: object) -> bool:
        return self._fields == other._fields if isinstance(other, Report) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def _percent(fraction: float | None, digits: int = 2) -> str:
    return "-" if fraction is None else f"{100 * fraction:.{digits}f} %"


def _with_interval(fraction: float | None, interval: tuple[float, float] | None) -> str:
    within = "" if interval is None else f" ({100 * interval[0]:.2f} to {100 * interval[1]:.2f})"
    return _percent(fraction) + within


def _probability(p: float | None) -> str:
    return "-" if p is None else f"{p:.1e}" if p < 0.001 else f"{p:.3f}"


def _row(*cells: object, cell: str = "td") -> str:
    return "<tr>" + "".join(f'<{cell} style="text-align:left">{escape(str(value))}</{cell}>' for value in cells) + "</tr>"
