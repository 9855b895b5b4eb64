import { describe, expect, it } from 'vitest';
import {
  createMachine,
  Host,
  type KernelOwner,
  type LiveArray,
  type LiveScalar,
  type LiveStruct,
  OwnerGone,
  parseObject,
} from '../../src/index.ts';
import { bootMachine } from '../../src/machine/index.ts';
import { fixture } from '../fixtures/read.ts';

const engines = ['wasm', 'interpreter'] as const;
const PACKET = { data: new Uint8Array(64) };

interface Inner {
  depth: number;
  ports: number[];
  seen: boolean;
}
interface Stats {
  packets: bigint;
  balance: bigint;
  bytes: number;
  lock: { val: number };
  name: string | number[];
  state: 'IDLE' | 'BUSY' | number;
  low: number;
  signed_part: number;
  rest: number;
  inner: Inner;
  more: Inner[];
  history: bigint[];
  word: number;
  octets: number[];
  pointer: bigint;
}
type Writable<T> = { -readonly [Member in keyof T]: T[Member] };
type View = Writable<LiveStruct<Stats>>;

async function boot(engine: (typeof engines)[number], shared = false) {
  const { machine, network } = await bootMachine({ engine, shared });
  const host = new Host(machine, network.devices);
  const { programs, maps } = await host.load(parseObject(fixture('live.bpf.o')));
  const count = (socket: { readonly object: number }, times = 1) => {
    machine.runtime.host.lookupSocket = () => socket.object;
    for (let i = 0; i < times; i++) programs['count']!.run(PACKET);
  };
  const view = (owner: KernelOwner, write = false, map = 'sockets') =>
    maps[map]!.view(owner, { write }) as unknown as View;
  return {
    machine,
    host,
    programs,
    maps,
    count,
    view,
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}

describe.each(engines)('live views on %s', (engine) => {
  it('storage of a socket: members change as the program runs', async () => {
    using it = await boot(engine);
    const socket = it.machine.createOwner('socket');
    expect(it.maps['sockets']!.view(socket)).toBeUndefined();
    it.count(socket);
    const v = it.view(socket);
    const { inner, history } = v;
    expect([v.packets, v.balance, v.bytes]).toEqual([1n, -1n, 64]);
    it.count(socket, 4);
    expect([v.packets, v.balance, v.$number('packets'), v.$number('balance')]).toEqual([
      5n,
      -5n,
      5,
      -5,
    ]);
    expect([v.state, v.name, inner.depth, inner.seen]).toEqual(['BUSY', '', -2, false]);
    expect([...inner.ports]).toEqual([0, 80, 0]);
    expect([...history]).toEqual([4n, 5n, 2n, 3n]);
    expect([history.at(-1), history.at(4), history.$number(0), history.length]).toEqual([
      3n,
      undefined,
      4,
      4,
    ]);
    expect(v.$copy()).toEqual(it.maps['sockets']!.get(socket.number));
  });

  it('survives growth of memory', async () => {
    using it = await boot(engine);
    const socket = it.machine.createOwner('socket');
    it.count(socket, 2);
    const v = it.view(socket);
    const { inner } = v;
    const { buffer } = it.machine.runtime.memory;
    it.machine.runtime.allocate(1 << 24);
    expect(it.machine.runtime.memory.buffer).not.toBe(buffer);
    expect([v.packets, v.$number('packets'), inner.depth, v.state]).toEqual([2n, 2, -2, 'BUSY']);
    it.count(socket);
    expect(v.packets).toBe(3n);
  });

  it('follows a value that is replaced, and says why one is gone', async () => {
    using it = await boot(engine);
    const tasks = it.maps['tasks']!;
    const [task, other] = [it.machine.createOwner('task'), it.machine.createOwner('task')];
    tasks.set(task.number, { packets: 3n });
    const v = it.view(task, false, 'tasks');
    const { history } = v;
    tasks.set(task.number, { packets: 7n, history: [1n, 2n, 3n, 4n] });
    expect([v.packets, history.at(2), v.$alive]).toEqual([7n, 3n, true]);
    tasks.delete(task.number);
    expect(v.$alive).toBe(false);
    expect(() => v.packets).toThrow(/value of task \d+ in map 'tasks' was deleted/);
    // A cell that is used again is not taken for the old one.
    tasks.set(other.number, { packets: 9n });
    expect(it.view(other, false, 'tasks').packets).toBe(9n);
    expect(() => v.packets).toThrow(/is gone.*ENOENT/);
    tasks.set(task.number, {});
    const again = it.view(task, false, 'tasks');
    task.free();
    expect(() => again.packets).toThrow(OwnerGone);
    expect(() => again.history).not.toThrow();
    expect(() => again.history.at(0)).toThrow(/task \d+ has died/);
    expect(() => v.packets).toThrow(OwnerGone);
    expect(() => tasks.view(task)).toThrow(OwnerGone);
  });

  it('ends with its map', async () => {
    using it = await boot(engine);
    const task = it.machine.createOwner('task');
    it.maps['tasks']!.set(task.number, {});
    const storage = it.view(task, false, 'tasks');
    const slot = it.maps['slots']!.view(0) as unknown as LiveStruct<{ packets: bigint }>;
    expect([storage.packets, slot.packets]).toEqual([0n, 0n]);
    it.host[Symbol.dispose]();
    expect(() => storage.packets).toThrow(/map 'tasks' is freed.*EBADF/);
    expect(() => slot.packets).toThrow(/map 'slots' is freed.*EBADF/);
    expect(task.alive).toBe(true);
  });

  it('live(): all owners with a value, oldest first', async () => {
    using it = await boot(engine);
    const sockets = [0, 1, 2, 3].map(() => it.machine.createOwner('socket'));
    for (const i of [2, 0, 3]) it.count(sockets[i]!, i + 1);
    const seen = () =>
      [...it.maps['counts']!.live()].map(([owner, v]) => [
        owner,
        (v as unknown as LiveScalar<bigint>).$value,
      ]);
    expect(seen()).toEqual([
      [sockets[0], 1n],
      [sockets[2], 3n],
      [sockets[3], 4n],
    ]);
    sockets[2]!.free();
    expect(seen()).toEqual([
      [sockets[0], 1n],
      [sockets[3], 4n],
    ]);
    expect(() => [...it.maps['slots']!.live()]).toThrow(/EINVAL/);
  });

  it('is read-only unless asked for; the kernel keeps its fields', async () => {
    using it = await boot(engine);
    const task = it.machine.createOwner('task');
    it.maps['tasks']!.set(task.number, {});
    const readOnly = it.view(task, false, 'tasks');
    expect(() => (readOnly.packets = 1n)).toThrow(/EPERM/);
    expect(() => readOnly.history.set(0, 1n)).toThrow(/EPERM/);
    const v = it.view(task, true, 'tasks');
    v.packets = 2n ** 64n - 1n;
    v.balance = -3n;
    v.bytes = 0xffffffff;
    v.name = 'eth0';
    v.state = 'BUSY';
    v.low = 5;
    v.signed_part = 3;
    v.rest = 0xabcdef;
    v.inner = { depth: -7, seen: true } as unknown as View['inner'];
    v.more.set(1, { ports: [1, 2, 3] });
    v.history.set(-1, 12n);
    v.word = 0x01020304;
    v.pointer = 0x1234n;
    expect(readOnly.$copy()).toEqual({
      packets: 2n ** 64n - 1n,
      balance: -3n,
      bytes: 0xffffffff,
      lock: { val: 0 },
      name: 'eth0',
      state: 'BUSY',
      low: 5,
      signed_part: 3,
      rest: 0xabcdef,
      inner: { depth: -7, ports: [0, 0, 0], seen: true },
      more: [
        { depth: 0, ports: [0, 0, 0], seen: false },
        { depth: 0, ports: [1, 2, 3], seen: false },
      ],
      history: [0n, 0n, 0n, 12n],
      word: 0x01020304,
      octets: [4, 3, 2, 1],
      pointer: 0x1234n,
    });
    expect([v.low, v.signed_part, v.rest, v.octets.at(0)]).toEqual([5, 3, 0xabcdef, 4]);
    expect(() => (v.low = 8)).toThrow(/ERANGE/);
    expect(() => (v.bytes = 2 ** 32)).toThrow();
    expect(() => (v.lock = { val: 1 } as unknown as View['lock'])).toThrow(/kernel \(EPERM\)/);
    expect(() => v.history.set(4, 1n)).toThrow(/EINVAL/);
    expect(() => v.$number('name' as 'bytes')).toThrow(/EINVAL/);
    v[Symbol.dispose]();
    expect(() => v.packets).toThrow(/EFAULT/);
    expect(readOnly.bytes).toBe(0xffffffff);
  });

  it('a locked lock is not seen', async () => {
    using it = await boot(engine);
    const task = it.machine.createOwner('task');
    it.maps['tasks']!.set(task.number, {});
    it.maps['tasks']!.storageOf(task)!.fill(1, 20, 24);
    const v = it.view(task, false, 'tasks');
    expect([v.lock, v.$copy().lock]).toEqual([{ val: 0 }, { val: 0 }]);
  });

  it('mapped arrays, arenas and global variables', async () => {
    using it = await boot(engine);
    interface Plain {
      packets: bigint;
      last: number;
    }
    const slot = it.maps['slots']!.view(2) as unknown as LiveStruct<Plain>;
    const shared = it.maps['pages']!.viewOf('shared') as unknown as LiveStruct<Plain>;
    const first = it.maps['pages']!.viewOf('first');
    const globals = it.maps['.bss']!.view(0, { write: true }) as unknown as {
      total: bigint;
      latest: Plain;
    };
    expect([shared.packets, shared.last, first.$value, slot.packets]).toEqual([40n, 5, 3, 0n]);
    globals.total = 77n;
    it.programs['touch']!.run(PACKET);
    expect([slot.packets, slot.last, shared.packets, first.$value]).toEqual([1n, 9, 41n, 4]);
    expect(globals.latest.packets).toBe(77n);
    expect(it.maps['slots']!.view(4)).toBeUndefined();
    expect(() => it.maps['pages']!.viewOf('missing')).toThrow(/ENOENT/);
    expect(() => it.maps['tasks']!.view(0)).toThrow(/ENOTSUPP|EINVAL/);
  });

  it('a writable view of an array stands against freezing until it is closed', async () => {
    using it = await boot(engine);
    const slots = it.maps['slots']!;
    const v = slots.view(1, { write: true })!;
    slots.view(1);
    expect(slots.kernelMap.freeze()).toBe(-16);
    v[Symbol.dispose]();
    expect(slots.kernelMap.freeze()).toBe(0);
    expect(() => slots.view(1, { write: true })).toThrow(/EPERM/);
    expect((slots.view(1) as unknown as LiveStruct<{ last: number }>).last).toBe(0);
  });

  it('only shared memory is shared', async () => {
    using it = await boot(engine);
    const slot = it.maps['slots']!.view(0)!;
    expect(() => slot.$share()).toThrow(/shared: true.*EOPNOTSUPP/);
  });
});

it('a machine made by createMachine has owners and views too', async () => {
  using host = await createMachine();
  const { maps } = await host.load(parseObject(fixture('live.bpf.o')));
  using task = host.kernel.createOwner('task');
  maps['tasks']!.set(task.number, { history: [5n] });
  const history = maps['tasks']!.view(task)!['history'] as unknown as LiveArray<bigint>;
  expect(history.at(0)).toBe(5n);
});
