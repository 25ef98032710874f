/**
 * Factor on the loss of a training in half precision, so that small gradients do not vanish: halved when a gradient overflows
 * (the step is then computed again), doubled after `patience` steps without. Source: torch.amp.GradScaler, but that it skips
 * the step, which would lose the rows.
 */
export class LossScale {
  value: number;
  /** Steps since the last change. */
  steady: number;

  constructor(value = initial, steady = 0) {
    this.value = value;
    this.steady = steady;
  }

  /** After a step whose gradients were finite. */
  held(): void {
    this.steady++;
    if (this.steady < patience) return;
    this.value = Math.min(largest, this.value * 2);
    this.steady = 0;
  }

  /** After gradients that were not; false if no smaller scale is left to try. */
  lower(): boolean {
    if (this.value <= 1) return false;
    this.value /= 2;
    this.steady = 0;
    return true;
  }
}

const initial = 2 ** 16;
const largest = 2 ** 24;
const patience = 2000;
