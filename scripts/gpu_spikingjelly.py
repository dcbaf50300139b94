"""SpikingJelly on the card: accuracy of the settings that were chosen on calibration images, on all test images; throughput."""
import json, sys, time, pathlib
sys.path.insert(0, "scripts")
import numpy as np, torch
from torch.nn import functional as F
from spikingjelly.activation_based import ann2snn, functional
from compare import spiking_jelly as sj, checkpoint as cp
OUT = pathlib.Path(sys.argv[1]); LENGTHS = (8, 16, 32, 64)
torch.backends.cuda.matmul.allow_tf32 = False; torch.backends.cudnn.allow_tf32 = False
record = json.load(open("docs/results/spikingjelly.resnet18_cifar10.json"))
chosen = {int(t): c for t, c in record["spikingjelly"]["chosen"].items()}
c = cp.Checkpoint(*cp.RESNET18)
images, labels = c.images(c.test); calib, _ = c.images(c.calibration)
images, labels = images.cuda(), labels.numpy()
with torch.no_grad():
    model = c.model().cuda()
    logits = torch.cat([model(part) for part in images.split(500)]).cpu().numpy()
float_class = logits.argmax(1)
out = {"device": torch.cuda.get_device_name(), "versions": {"torch": torch.__version__, "spikingjelly": "2.0.0"}, "images": len(labels),
       "float_accuracy": float((float_class == labels).mean()), "accuracy": {}, "throughput": []}
print("float", out["float_accuracy"], flush=True)
nets = {}
def net(name):
    if name not in nets:
        setting = next(s for s in sj.SETTINGS if s.name == name)
        start = time.time()
        loader = [part.cuda() for part in calib.split(setting.batch)]
        made = ann2snn.Converter(recipe=setting.recipe(dataloader=loader, **setting.options), device="cuda").convert(c.model().cuda()).cuda().eval()
        delays = {t: ann2snn.estimate_delay_start(made, [calib[:sj.BATCH].cuda()], "cuda", t) for t in LENGTHS}
        print(name, "converted in", round(time.time() - start, 1), "s", delays, flush=True)
        nets[name] = made, delays, {}
    return nets[name]
@torch.no_grad()
def simulate(made, batch, steps):
    functional.reset_net(made)
    return torch.stack([made(batch).clone() for _ in range(steps)])
for name in {x["setting"] for x in chosen.values()}:
    made, delays, kept = net(name)
    steps = max(t for t, x in chosen.items() if x["setting"] == name)
    start = time.time()
    outputs = torch.cat([simulate(made, part, steps).cpu() for part in images.split(1000)], dim=1).numpy()
    kept["outputs"] = outputs
    print(name, steps, "steps of all images in", round(time.time() - start, 1), "s", flush=True)
for t, x in sorted(chosen.items()):
    made, delays, kept = net(x["setting"])
    row = {"setting": x["setting"], "chosen_readout": x["readout"], "delay": delays[t]}
    for readout, start in (("sum", 0), ("delayed", delays[t])):
        classes = kept["outputs"][start:t].sum(axis=0).argmax(1)
        row[readout] = {"right": int((classes == labels).sum()), "agree": int((classes == float_class).sum()), "classes": "".join(map(str, classes))}
        print("T", t, readout, row[readout]["right"], row[readout]["agree"], flush=True)
    out["accuracy"][t] = row
OUT.write_text(json.dumps(out))
made = net(chosen[32]["setting"])[0]
for mode in ("fp32", "tf32", "half"):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode != "fp32"
    torch.backends.cudnn.benchmark = True
    try:
        if mode == "half": made = made.half()
        for batch, count in ((512, 512), (64, 512), (1, 8)):
            x = images[:batch].half() if mode == "half" else images[:batch]
            simulate(made, x, 4); torch.cuda.synchronize(); start = time.time()
            for _ in range(count // batch): simulate(made, x, 32).cpu()
            torch.cuda.synchronize(); seconds = time.time() - start
            out["throughput"].append({"mode": mode, "batch": batch, "images": count, "timesteps": 32, "seconds": seconds, "images_per_second": count / seconds})
            print(mode, batch, round(count / seconds, 1), "images a second", flush=True)
    except Exception as error:
        out["throughput"].append({"mode": mode, "error": repr(error)[:300]}); print(mode, repr(error)[:300], flush=True)
    OUT.write_text(json.dumps(out))
# Ceilings of the card.
x = torch.empty(1 << 30, dtype=torch.int8, device="cuda"); y = torch.empty_like(x)
a = torch.randint(-128, 127, (8192, 8192), dtype=torch.int8, device="cuda"); b = torch.randint(-128, 127, (8192, 8192), dtype=torch.int8, device="cuda").t()
def timed(f, n):
    for _ in range(3): f()
    s, e = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    s.record(); [f() for _ in range(n)]; e.record(); torch.cuda.synchronize(); return s.elapsed_time(e) / n / 1e3
out["ceilings"] = {"copy_bytes_per_second": 2 * (1 << 30) / timed(lambda: y.copy_(x), 20), "int8_operations_per_second": 2 * 8192**3 / timed(lambda: torch._int_mm(a, b), 20)}
print(out["ceilings"]); OUT.write_text(json.dumps(out))
