import type { KernelObject, KernelObjects } from './kernel-struct.ts';

/** What programs read of a device. */
export interface DeviceFacts {
  readonly ifindex: number;
  readonly mtu: number;
  readonly name?: string;
}

/** struct net_device of each device that programs came to: its number, MTU and name. */
export class KernelDevices {
  readonly #objects: KernelObjects;
  readonly #made = new WeakMap<object, KernelObject>();

  constructor(objects: KernelObjects) {
    this.#objects = objects;
  }

  /** The pointer programs get. `device`: the same object for the same device. */
  pointerTo(device: object, { ifindex, mtu, name }: DeviceFacts): bigint {
    let object = this.#made.get(device);
    if (!object) {
      object = this.#objects.make('net_device');
      this.#objects.set(object, 'ifindex', ifindex);
      this.#objects.set(object, 'mtu', mtu);
      if (name !== undefined) this.#objects.setText(object, 'name', name);
      this.#made.set(device, object);
    }
    return object.pointer;
  }
}
