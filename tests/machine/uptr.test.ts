import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  createMachine,
  type KernelProfile,
  type LiveStruct,
  loadKernelProfile,
  parseObject,
  withLater,
} from '../../src/index.ts';
import { verify, verifierInput } from '../../src/verifier/index.ts';

const example = new URL('../../examples/live-views/shared-page.bpf.o', import.meta.url);
const PAGE = 4096;

interface Budget {
  limit: bigint;
  calls: bigint;
  refused: bigint;
}

let kernel: KernelProfile;
beforeAll(async () => {
  kernel = withLater(await loadKernelProfile(), ['uptrs']);
});

async function boot(engine: 'wasm' | 'interpreter' = 'wasm') {
  const host = await createMachine({ engine, kernel });
  const { programs, maps } = await host.load(readFileSync(example));
  const task = host.task({ pid: 42, comm: 'worker' });
  const link = programs['count']!.attach();
  const call = (times: number) => {
    for (let i = 0; i < times; i++) host.syscall('getpid', { task });
  };
  return { host, task, link, call, accounts: maps['accounts']! };
}

describe.each(['wasm', 'interpreter'] as const)('a page of the user, %s', (engine) => {
  test('is read and written by the program, and by its user live', async () => {
    const { host, task, call, accounts } = await boot(engine);
    using pages = host.userPages(PAGE);
    accounts.set(task.number, { budget: pages.address, calls: 0n } as never);
    const seen = accounts.userView('budget', pages, {
      write: true,
    }) as unknown as LiveStruct<Budget>;
    (seen as { limit: bigint }).limit = 3n;
    call(5);
    expect(seen.$copy()).toEqual({ limit: 3n, calls: 5n, refused: 2n });
    expect(new BigUint64Array(pages.bytes().slice(0, 24).buffer)[1]).toBe(5n);
    expect(accounts.get(task.number)).toMatchObject({ budget: 0n, calls: 5n });
  });

  test('is not there until it is set, nor after it is set to 0', async () => {
    const { host, task, call, accounts } = await boot(engine);
    using pages = host.userPages(PAGE);
    accounts.set(task.number, { budget: 0n, calls: 0n } as never);
    call(2);
    accounts.set(task.number, { budget: pages.address, calls: 0n } as never);
    call(1);
    accounts.set(task.number, { budget: 0n, calls: 0n } as never);
    call(4);
    const seen = accounts.userView('budget', pages) as unknown as LiveStruct<Budget>;
    expect([seen.calls, pages.pins]).toEqual([1n, 0]);
  });
});

test('a page is pinned once a value points to it, until none does', async () => {
  const { host, task, accounts } = await boot();
  using pages = host.userPages(2 * PAGE);
  const set = (budget: bigint) => accounts.set(task.number, { budget, calls: 0n } as never);
  set(pages.address);
  set(pages.address + 4096n);
  expect(pages.pins).toBe(1);
  const other = host.task({ pid: 43 });
  accounts.set(other.number, { budget: pages.address, calls: 0n } as never);
  expect(pages.pins).toBe(2);
  other.free();
  expect(pages.pins).toBe(1);
  accounts.delete(task.number);
  expect(pages.pins).toBe(0);
});

test('pages that are unmapped stay for the program while a value points to them', async () => {
  const { host, task, call, accounts } = await boot();
  const pages = host.userPages(PAGE);
  accounts.set(task.number, { budget: pages.address, calls: 0n } as never);
  const bytes = pages.bytes();
  pages[Symbol.dispose]();
  expect(() => pages.bytes()).toThrow(expect.objectContaining({ code: 'EFAULT' }));
  using others = host.userPages(PAGE);
  call(1);
  expect([bytes[8], others.bytes()[8]]).toEqual([1, 0]);
  // Nobody can point there any more.
  const again = () => accounts.set(task.number, { budget: pages.address, calls: 0n } as never);
  expect(again).toThrow(expect.objectContaining({ code: 'EFAULT' }));
  accounts.delete(task.number);
  using reused = host.userPages(PAGE);
  expect(reused.address & 0xffffffffn).toBe(pages.address & 0xffffffffn);
});

test('what Linux refuses of a user is refused, and nothing stays pinned', async () => {
  const { host, task, accounts } = await boot();
  using pages = host.userPages(2 * PAGE);
  const refused = (budget: bigint, key = task.number) => {
    try {
      accounts.set(key, { budget, calls: 0n } as never);
      return '';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  // The struct has 24 bytes.
  expect(refused(pages.address + 4096n - 24n)).toBe('');
  expect(refused(pages.address + 4096n - 23n)).toBe('EOPNOTSUPP');
  expect(refused(pages.address + 8192n)).toBe('EFAULT');
  expect(refused(0x1000n)).toBe('EFAULT');
  expect(refused(pages.address, 999_999)).toBe('EBADF');
  expect(pages.pins).toBe(1);
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, pages.address, true);
  const key = new Uint8Array(new Uint32Array([task.number]).buffer);
  expect(accounts.kernelMap.update(key, bytes, 1)).toBe(-17);
  expect(pages.pins).toBe(1);
});

test('6.12 takes the member for a number', async () => {
  const host = await createMachine();
  const { refused } = await host.load(readFileSync(example));
  expect(refused.get('count')?.message).toContain("invalid mem access 'scalar'");
  const object = parseObject(readFileSync(example));
  const plain = await loadKernelProfile();
  const input = (profile: KernelProfile) => verifierInput(object, object.programs[0]!, profile);
  expect(verify(input(kernel), kernel).ok).toBe(true);
  expect(verify(input(plain), plain).ok).toBe(false);
});
