import {
  type AnyObject,
  Host,
  type LoadedObject,
  type LoadOptions,
  type ObjectShape,
  type ObjectSource,
  Program,
} from '../client/index.ts';
import type { KernelDevice } from '../kernel/index.ts';
import { bootMachine, engineNamed, type MachineOptions } from '../machine/index.ts';
import { type CoveredObject, coverObject, noteCoverage } from './coverage.ts';
import { Recorder, type RecordedRun } from './recorder.ts';

/** What ran to give a result, the last beginning last. */
const runsOfResults = new WeakMap<object, readonly RecordedRun[]>();
const alive = new Set<TestHost>();

/** What programs did to give this result; undefined: nobody watched. */
export function runsOf(result: unknown): readonly RecordedRun[] | undefined {
  return typeof result === 'object' && result !== null ? runsOfResults.get(result) : undefined;
}

/** A host that remembers, for each result, how it came about. */
export class TestHost<
  Device extends string = string,
  Namespace extends string = string,
> extends Host<Device, Namespace> {
  readonly #recorder: Recorder | undefined;
  readonly #covered: CoveredObject[] = [];

  constructor(
    ...[kernel, devices, net, recorder]: [
      ...ConstructorParameters<typeof Host>,
      recorder: Recorder | undefined,
    ]
  ) {
    super(kernel, devices, net);
    this.#recorder = recorder;
    for (const device of Object.values<KernelDevice>(this.devices)) {
      this.#watch(device, 'receive');
      this.#watch(device, 'transmit');
    }
    alive.add(this);
  }

  override async load<Shape extends ObjectShape = AnyObject>(
    source: ObjectSource<Shape>,
    options: LoadOptions<NoInfer<Shape>> = {},
  ): Promise<LoadedObject<Shape>> {
    const first = this.#recorder?.programs.length ?? 0;
    const loaded = await super.load(source, options);
    const programs: object = loaded.programs;
    for (const program of Object.values(programs) as unknown[]) {
      if (program instanceof Program) this.#watch(program, 'run');
    }
    const recorded = this.#recorder?.programs.slice(first) ?? [];
    this.#covered.push(coverObject(source, recorded));
    return loaded;
  }

  /** Results of this method are remembered with the steps that led to them. */
  #watch(owner: object, name: string): void {
    const recorder = this.#recorder;
    const method: unknown = Reflect.get(owner, name);
    if (!recorder || typeof method !== 'function') return;
    const watched = (...args: unknown[]): unknown => {
      recorder.mark();
      const result: unknown = method.apply(owner, args);
      if (typeof result === 'object' && result !== null) {
        runsOfResults.set(result, recorder.runs);
      }
      return result;
    };
    Object.defineProperty(owner, name, { value: watched, configurable: true });
  }

  /** Adds what ran since the last time to vitest's coverage. */
  noteCoverage(): void {
    for (const one of this.#covered) noteCoverage(one);
  }

  override [Symbol.dispose](): void {
    this.noteCoverage();
    alive.delete(this);
    super[Symbol.dispose]();
  }
}

/**
 * A machine for a test. As `createMachine`, but its programs are stepped through: a wrong verdict
 * says which line decided it, and vitest's coverage report has the lines of the programs. With
 * `engine: 'wasm'` programs run at full speed, and neither is known.
 *
 * ```ts
 * using host = await machine({ devices: { eth0: {} } });
 * ```
 */
export async function machine<Device extends string = string, Namespace extends string = string>(
  options: MachineOptions<Device, Namespace> = {},
): Promise<Host<Device | 'lo', Namespace | ''>> {
  const steps = options.engine === undefined || options.engine === 'interpreter';
  const recorder = steps ? new Recorder(await engineNamed('interpreter')) : undefined;
  const engine = recorder?.engine ?? options.engine;
  const booted = await bootMachine({ ...options, ...(engine === undefined ? {} : { engine }) });
  const { machine: kernel, network } = booted;
  return new TestHost(kernel, network.devices, network, recorder) as Host<
    Device | 'lo',
    Namespace | ''
  >;
}

/** Adds what ran on all hosts that are alive to vitest's coverage. */
export function noteAllCoverage(): void {
  for (const host of alive) host.noteCoverage();
}
