import { mapTypes } from '../abi/maps/index.ts';
import { KernelError, nanosecondsIn, type VerifierError } from '../base/index.ts';
import { type BtfValue, decodeValue } from '../btf/index.ts';
import type {
  BpffsOptions,
  CodeMemory,
  CpuWork,
  Kernel,
  KernelCgroup,
  KernelDevice,
  KernelMap,
  KernelMemory,
  KernelNamespace,
  KernelNetwork,
  KernelTask,
  KernelUserPages,
  SyscallOptions,
  TaskOptions,
  UserNamespaceSettings,
  UserOptions,
} from '../kernel/index.ts';
import { type ObjectFile, parseObject } from '../object/index.ts';
import { globalsOf, patchValue } from './globals.ts';
import { type LoadOptions, loadObject } from './load.ts';
import { MapOf } from './map.ts';
import { Program } from './program.ts';
import { StaticKey } from './static-key.ts';
import type { AnyObject, Input, ObjectShape, TypedObject, WritableName } from './typed.ts';

/** An object file: imported, parsed, its bytes, or (in Node) its path. */
export type ObjectSource<Shape extends ObjectShape = AnyObject> =
  | TypedObject<Shape>
  | ObjectFile
  | Uint8Array
  | string
  | URL;

/**
 * What `load` gives. Of an imported object the programs and maps that were not loaded are there as
 * well: touching one throws the reason.
 */
export interface LoadedObject<Shape extends ObjectShape = AnyObject> extends Disposable {
  readonly object: ObjectFile;
  readonly programs: Shape['programs'];
  readonly maps: Shape['maps'];
  /** Live global variables, read and written by name. */
  readonly globals: Globals<Shape['globals']>;
  /** Programs this kernel cannot run, with why. */
  readonly refused: ReadonlyMap<string, KernelError | VerifierError>;
  /** One of its static keys (an extension). Throws KernelError: ENOENT, EINVAL for another map. */
  key(name: keyof Shape['maps'] & string): StaticKey;
}

/** The global variables of a loaded object. */
export interface Globals<Values = Record<string, BtfValue>> {
  readonly names: readonly (keyof Values & string)[];
  get<Name extends keyof Values & string>(name: Name): Values[Name];
  /**
   * Of a struct only the members given change. Throws KernelError EPERM for constants: give those
   * to `load`.
   */
  set<Name extends WritableName<Values> & string>(name: Name, value: Input<Values[Name]>): void;
}

const NO_USERS = 'users of this kernel are its own';

/** A kernel and its devices: where objects are loaded. */
export class Host<Device extends string = string, Namespace extends string = string>
  implements Disposable
{
  readonly kernel: Kernel;
  readonly devices: Readonly<Record<Device, KernelDevice>>;
  readonly #net: KernelNetwork | undefined;
  readonly #loaded = new Set<Disposable>();

  constructor(
    kernel: Kernel,
    devices: Iterable<readonly [string, KernelDevice]>,
    net?: KernelNetwork,
  ) {
    this.kernel = kernel;
    this.#net = net;
    this.devices = Object.fromEntries(devices) as Record<Device, KernelDevice>;
  }

  /** Traces, captures, namespaces of the network. Throws KernelError for a host made without. */
  get net(): KernelNetwork {
    if (this.#net) return this.#net;
    throw new KernelError('EOPNOTSUPP', 95, 'this host was made without a network');
  }

  /** The machine's network namespaces as they are now; '' is its own. */
  get namespaces(): Readonly<Record<Namespace, KernelNamespace>> {
    const named = this.net.namespaceNames.map((name) => [name, this.net.namespace(name)]);
    return Object.fromEntries(named) as Record<Namespace, KernelNamespace>;
  }

  /** The kernel's allocator, if the machine was asked to model it (`gracePeriods`, `memory`). */
  get memory(): KernelMemory | undefined {
    return this.kernel.memory;
  }

  /**
   * Creates the object's maps and loads its programs. What an imported object has is known to the
   * compiler: names, options, keys, values and globals are checked.
   *
   * ```ts
   * import counter from './counter.bpf.o';
   *
   * const { programs, maps } = await host.load(counter, { globals: { limit: 10n } });
   * ```
   */
  async load<Shape extends ObjectShape = AnyObject>(
    source: ObjectSource<Shape>,
    options: LoadOptions<NoInfer<Shape>> = {},
  ): Promise<LoadedObject<Shape>> {
    const loaded: unknown = await this.#load(source, options as LoadOptions);
    return loaded as LoadedObject<Shape>;
  }

  /**
   * Loads several objects so that their programs share memory for code, as those of one object do.
   * None of them can be run before the promise is fulfilled.
   *
   * ```ts
   * const [first, second] = await host.loadTogether([{ source: a }, { source: b }]);
   * ```
   */
  async loadTogether(
    wanted: readonly { readonly source: ObjectSource; readonly options?: LoadOptions }[],
  ): Promise<LoadedObject[]> {
    const objects: ObjectFile[] = [];
    for (const { source } of wanted) objects.push(await objectFrom(source));
    const load = () =>
      wanted.map(({ source, options = {} }, i) => this.#place(source, objects[i]!, options));
    return this.kernel.together ? this.kernel.together(load) : load();
  }

  /** Where the code of the loaded programs is; undefined: this kernel or engine has no packs. */
  codeMemory(): CodeMemory | undefined {
    return this.kernel.codeMemory;
  }

  async #load(source: ObjectSource, options: LoadOptions): Promise<LoadedObject> {
    return this.#place(source, await objectFrom(source), options);
  }

  #place(source: ObjectSource, object: ObjectFile, options: LoadOptions): LoadedObject {
    const { maps, programs, refused, owned } = loadObject(this.kernel, object, options);
    const typed = [...maps].map(
      ([name, map]) => [name, new MapOf(map, object.btf, this.kernel.cpus)] as const,
    );
    const mapsByName = Object.fromEntries(typed);
    const loaded: LoadedObject = {
      object,
      programs: Object.fromEntries([...programs].map(([name, one]) => [name, new Program(one)])),
      maps: mapsByName,
      globals: liveGlobals(object, mapsByName),
      refused,
      key: (name) => keyOf(maps.get(name), name),
      [Symbol.dispose]: () => {
        this.#loaded.delete(loaded);
        for (const program of programs.values()) program.close();
        for (const map of owned) map.close();
      },
    };
    if (isImported(source)) explainMissing(loaded);
    this.#loaded.add(loaded);
    return loaded;
  }

  /**
   * Lets time pass, in nanoseconds or as '10s', '1.5ms': timers (bpf_timer) that are due run, each
   * at its time, then those they start; work (bpf_wq) that waits runs at once. Time stands still
   * otherwise: programs run in no time, and a timer started with no delay waits for `advance(0)`.
   * Packets of a capture move the clock by themselves. Returns how many events happened. Throws
   * what ended a callback (TimerFault), KernelError EOPNOTSUPP where time is not ours, TypeError
   * for another text.
   *
   * ```ts
   * host.advance('10s');
   * ```
   */
  advance(time: number | bigint | string): number {
    const nanoseconds = typeof time === 'string' ? nanosecondsIn(time) : time;
    if (Number.isNaN(nanoseconds)) {
      throw new TypeError(`advance takes nanoseconds or a time such as '10s', not '${time}'`);
    }
    if (this.kernel.advance) return this.kernel.advance(nanoseconds);
    throw new KernelError('EOPNOTSUPP', 95, 'time of this kernel passes by itself');
  }

  /**
   * The same machine for somebody else than root: what is loaded through it is loaded with the
   * rights of that user, and of a BPF token. Throws KernelError: ENOENT for a user namespace that
   * is not there, those of BPF_TOKEN_CREATE, EOPNOTSUPP where users are not ours.
   *
   * ```ts
   * host.addUserNamespace('web1', { owner: 1000 });
   * host.mountBpffs('/web1', { userns: 'web1', options: 'delegate_cmds=any,delegate_maps=any' });
   * using container = host.as({ userns: 'web1', token: '/web1' });
   * const { maps } = await container.load(object);
   * ```
   */
  as(user: UserOptions): Host<Device, Namespace> {
    if (!this.kernel.as) throw new KernelError('EOPNOTSUPP', 95, NO_USERS);
    const devices = Object.entries(this.devices) as [string, KernelDevice][];
    const other = new Host<Device, Namespace>(this.kernel.as(user), devices, this.#net);
    this.#loaded.add(other);
    return other;
  }

  /** A new user namespace. Throws KernelError EEXIST, ENOSPC, ENOENT for its parent. */
  addUserNamespace(name: string, options?: UserNamespaceSettings): void {
    if (!this.kernel.addUserNamespace) throw new KernelError('EOPNOTSUPP', 95, NO_USERS);
    this.kernel.addUserNamespace(name, options);
  }

  /**
   * A new bpffs over a directory, by root, for a user namespace. Throws KernelError EINVAL, ERANGE
   * for options Linux does not take.
   */
  mountBpffs(path: string, options?: BpffsOptions): void {
    if (!this.kernel.mountBpffs) throw new KernelError('EOPNOTSUPP', 95, NO_USERS);
    this.kernel.mountBpffs(path, options);
  }

  /**
   * A task: programs see it as the current one while it makes system calls, and it owns values of
   * task storage. Leaving the `using` block ends its life. Throws KernelError EOPNOTSUPP where
   * tasks are not ours, and on machines that know no types of the kernel (`verify: false`).
   */
  task(options: TaskOptions): KernelTask {
    if (this.kernel.createTask) return this.kernel.createTask(options);
    throw new KernelError('EOPNOTSUPP', 95, 'this kernel has tasks of its own');
  }

  /**
   * Does things on several CPUs at once: each to its end on its CPU (default: that of its place in
   * the list, over and over), but behind each call that a program makes of a helper or kernel
   * function another CPU's may run, and others within that. Which do is chosen: by the policy of
   * grace periods where it is one of choices, so that `exploreGracePeriods` tries all orders, else
   * by the machine's seed. Returns what they returned. Needs `createMachine({ concurrent: true })`.
   * Throws KernelError, and the first error of one of them when all have ended.
   *
   * ```ts
   * const [seen] = host.concurrently([
   *   () => programs.reader.run({ data }),
   *   () => programs.writer.run({ data }),
   * ]);
   * ```
   */
  concurrently<Result>(works: readonly CpuWork<Result>[]): Result[] {
    if (this.kernel.concurrently) return this.kernel.concurrently(works);
    throw new KernelError('EOPNOTSUPP', 95, 'CPUs of this kernel run when they like');
  }

  /**
   * Pages of a user: what members with `__uptr` of task storage can be set to, and what programs
   * then read and write. Unmapped at the end of the `using` block. Throws KernelError EINVAL,
   * ENOMEM, EOPNOTSUPP where users are not ours.
   *
   * ```ts
   * using pages = host.userPages(4096);
   * maps.tasks.set(task.number, { config: pages.address });
   * maps.tasks.userView('config', pages, { write: true }).limit = 10n; // the program sees it
   * ```
   */
  userPages(size: number): KernelUserPages {
    if (this.kernel.mapUserPages) return this.kernel.mapUserPages(size);
    throw new KernelError('EOPNOTSUPP', 95, 'this kernel has users of its own');
  }

  /**
   * The cgroup at a path; directories that are missing are made. Programs are attached to it by
   * `attach({ cgroup })`; sockets belong to it that are made in its `run`, or with the option
   * `cgroup`. Throws KernelError EOPNOTSUPP where cgroups are not ours.
   *
   * ```ts
   * const pod = host.cgroup('/kube/pod1');
   * using link = programs.connect4.attach({ cgroup: pod });
   * pod.run(() => host.net.namespace('').connect({ type: 'tcp', to }));
   * ```
   */
  cgroup(path: string): KernelCgroup {
    if (this.kernel.cgroup) return this.kernel.cgroup(path);
    throw new KernelError('EOPNOTSUPP', 95, 'this kernel has cgroups of its own');
  }

  /**
   * A task makes a system call: programs at its hooks run (tp_btf and raw_tp of sys_enter and
   * sys_exit, tracepoints, kprobe, fentry and fexit of `__x64_sys_NAME`). Nothing else happens:
   * what it would do is yours to say (`returns`). Throws KernelError ENOSYS, EOPNOTSUPP.
   *
   * ```ts
   * using task = host.task({ pid: 42, comm: 'sshd' });
   * using link = programs.on_openat.attach();
   * host.syscall('openat', { task, args: [-100, 0n, 0], returns: 3 });
   * ```
   */
  syscall(name: string, options?: SyscallOptions): void {
    if (this.kernel.syscall) return this.kernel.syscall(name, options);
    throw new KernelError('EOPNOTSUPP', 95, 'this kernel makes its system calls itself');
  }

  [Symbol.dispose](): void {
    for (const loaded of this.#loaded) loaded[Symbol.dispose]();
  }
}

function keyOf(map: KernelMap | undefined, name: string): StaticKey {
  if (!map) throw new KernelError('ENOENT', 2, `there is no map '${name}'`);
  const isKey = mapTypes.find(({ id }) => id === map.spec.typeId)?.staticKey === true;
  if (!isKey) throw new KernelError('EINVAL', 22, `map '${name}' is no static key`);
  return new StaticKey(map);
}

/** What modules made of object files have on their bytes (src/import). */
const IMPORTED = Symbol.for('beeyard.object');

const isImported = (source: ObjectSource): boolean =>
  source instanceof Uint8Array && IMPORTED in source;

/** Types say that all of an imported object is there: what is not throws why when it is touched. */
function explainMissing({ object, programs, maps, refused }: LoadedObject): void {
  const explain = (kind: string, specs: readonly { name: string }[], loaded: object) => {
    for (const { name } of specs) {
      if (Object.hasOwn(loaded, name)) continue;
      const text = `${kind} '${name}' was not loaded: it is not in the 'programs' given to load()`;
      const get = () => {
        throw refused.get(name) ?? new KernelError('ENOENT', 2, text);
      };
      Object.defineProperty(loaded, name, { get });
    }
  };
  explain('program', object.programs, programs);
  explain('map', object.maps, maps);
}

/** The object file behind any of the ways to name one. */
export async function objectFrom(source: ObjectSource): Promise<ObjectFile> {
  if (source instanceof Uint8Array) return parseObject(source);
  if (typeof source !== 'string' && !(source instanceof URL)) return source;
  // Not an import: bundlers for browsers would follow it.
  const builtin = globalThis.process?.getBuiltinModule;
  if (!builtin) throw new TypeError('in a browser, give the bytes of the object file');
  return parseObject(builtin('node:fs').readFileSync(source));
}

function liveGlobals(object: ObjectFile, maps: Readonly<Record<string, MapOf>>): Globals {
  const known = globalsOf(object);
  const variable = (name: string) => {
    const found = known.get(name);
    if (found) return found;
    throw new KernelError('ENOENT', 2, `the object has no global variable '${name}'`);
  };
  const bytesOf = (map: string): Uint8Array => {
    const { kernelMap } = maps[map]!;
    const bytes = new Uint8Array(kernelMap.userValueSize);
    kernelMap.lookup(new Uint8Array(kernelMap.spec.keySize), bytes);
    return bytes;
  };
  return {
    names: [...known.keys()],
    get(name) {
      const { map, offset, size, typeId } = variable(name);
      return decodeValue(object.btf!, typeId, bytesOf(map).subarray(offset, offset + size));
    },
    set(name, value) {
      const { map, offset, typeId } = variable(name);
      const bytes = bytesOf(map);
      patchValue(object.btf!, typeId, value, bytes, offset);
      const { kernelMap } = maps[map]!;
      const result = kernelMap.update(new Uint8Array(kernelMap.spec.keySize), bytes);
      if (result < 0) {
        throw new KernelError('EPERM', 1, `global '${name}' is constant: give it to load()`);
      }
    },
  };
}
