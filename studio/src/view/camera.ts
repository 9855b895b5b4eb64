/** Which part of a drawing is seen, and how large. */
import { type Signal, signal } from '@preact/signals';
import type { Box, Size } from '../model/layout.ts';

export interface View {
  /** Point of the drawing in the upper left corner, and pixels for a unit of it. */
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const SMALLEST = 0.02;
const LARGEST = 2;
const FITS_FROM = 0.55;
const TAKES = 160;
const MARGIN = 40;

export class Camera {
  readonly view: Signal<View> = signal({ x: 0, y: 0, scale: 1 });
  /** Pixels of the window the drawing is seen through. */
  readonly size: Signal<Size> = signal({ width: 800, height: 600 });
  #moving = 0;

  /** All of it if it can be read then, or its beginning. */
  open({ width, height }: Size, start: Box | undefined): void {
    const size = this.size.peek();
    const scale = Math.min(1, size.width / width, size.height / height);
    if (scale >= FITS_FROM) this.fit({ width, height });
    else {
      const middle = start ? start.x + start.width / 2 : width / 2;
      this.#jump({ x: middle - size.width / 2, y: (start?.y ?? 0) - MARGIN - 1, scale: 1 });
    }
  }

  fit({ width, height }: Size): void {
    const size = this.size.peek();
    const scale = clamp(Math.min(1, size.width / width, size.height / height));
    const x = (width - size.width / scale) / 2;
    const y = Math.min(0, (height - size.height / scale) / 2);
    this.#jump({ x, y, scale });
  }

  panBy(dx: number, dy: number): void {
    const { x, y, scale } = this.view.peek();
    this.#jump({ x: x + dx / scale, y: y + dy / scale, scale });
  }

  /** The point at these pixels stays where it is. */
  zoomBy(factor: number, atX = this.size.peek().width / 2, atY = this.size.peek().height / 2) {
    const { x, y, scale } = this.view.peek();
    const to = clamp(scale * factor);
    this.#jump({ x: x + atX / scale - atX / to, y: y + atY / scale - atY / to, scale: to });
  }

  centre(x: number, y: number): void {
    const { scale } = this.view.peek();
    const { width, height } = this.size.peek();
    this.#jump({ x: x - width / 2 / scale, y: y - height / 2 / scale, scale });
  }

  /** Moves only if the box is not in sight. */
  show(box: Box): void {
    const { x, y, scale } = this.view.peek();
    const { width, height } = this.size.peek();
    const [w, h] = [width / scale, height / scale];
    const margin = MARGIN / scale;
    const isIn = (at: number, size: number, from: number, room: number): boolean =>
      size + 2 * margin > room
        ? at < from + room / 2 && at + size > from + room / 2
        : at >= from + margin && at + size <= from + room - margin;
    const fitsX = isIn(box.x, box.width, x, w);
    const fitsY = isIn(box.y, box.height, y, h);
    if (fitsX && fitsY) return;
    const toX = fitsX ? x : box.x + box.width / 2 - w / 2;
    const toY = fitsY ? y : box.y + Math.min(box.height, h) / 2 - h / 2;
    this.#glide({ x: toX, y: toY, scale });
  }

  #jump(to: View): void {
    cancelAnimationFrame(this.#moving);
    this.view.value = to;
  }

  #glide(to: View): void {
    cancelAnimationFrame(this.#moving);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.#jump(to);
    const from = this.view.peek();
    const start = performance.now();
    const move = (now: number): void => {
      const part = Math.min(1, Math.max(0, (now - start) / TAKES));
      const eased = 1 - (1 - part) ** 3;
      const between = (a: number, b: number): number => a + (b - a) * eased;
      this.view.value = { ...to, x: between(from.x, to.x), y: between(from.y, to.y) };
      if (part < 1) this.#moving = requestAnimationFrame(move);
    };
    this.#moving = requestAnimationFrame(move);
  }
}

const clamp = (scale: number): number => Math.max(SMALLEST, Math.min(LARGEST, scale));
