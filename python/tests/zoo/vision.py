"""torchvision's networks as they are, with random weights, at 64 × 64 pixels."""

import torchvision

from .manifest import converts

# Four images to compare, few to calibrate with: the error of random weights says little, equality says all.
LARGE = dict(calibration_samples=16, test_samples=4, large=True)


@converts(3, 64, 64, levels=255, tolerance=0.4, **LARGE)
def resnet18():
    """`torchvision.models.resnet18`: in-place ReLU, `out += identity`, a padded max pool."""
    return torchvision.models.resnet18()


@converts(3, 64, 64, levels=63, tolerance=0.6, **LARGE)
def vgg11_bn():
    """`torchvision.models.vgg11_bn`: an adaptive pool that enlarges, 129 million parameters, most of them dense."""
    return torchvision.models.vgg11_bn()


@converts(3, 64, 64, levels=255, tolerance=0.7, **LARGE)
def mobilenet_v2():
    """`torchvision.models.mobilenet_v2`: depthwise convolutions, ReLU6, linear bottlenecks."""
    return torchvision.models.mobilenet_v2()
