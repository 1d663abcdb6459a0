"""From a published audience to an immutable plan that sums exactly."""
