import { describe, expect, it } from 'vitest';
import { kfuncById, kfuncByName, loadKernelProfile } from '../../src/abi/index.ts';
import type { LoadedCode, ProgramImage } from '../../src/engine/types.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { C_DEPTH, C_STACK_END, C_STACK_TOP } from '../../src/runtime/layout.ts';
import { checkedVariants, faultOf, Lab, variants } from './harness.ts';
import { imageWithKfuncs } from './kfunc-image.ts';

const kernel = await loadKernelProfile();

/** A program that may `kfunc bpf_throw`; what catches starts at the label `fn_catch`, if it is there. */
function throwing(text: string): ProgramImage {
  const image = imageWithKfuncs(text, (name) => kfuncById(kernel, kfuncByName(name)!.id)!);
  return {
    ...image,
    exceptionCallback: image.functions.find(({ name }) => name === 'fn_catch')?.start,
  };
}

const THROW = (cookie: string) => `r1 = ${cookie}\nkfunc bpf_throw\n`;
/** More instructions than are expanded in place. */
const LONG = 'r2 = r10\nr2 += -8\n'.concat('*(u64 *)(r2 + 0) = 5\n'.repeat(70));
const BIG = '0x123456789abcdef0 ll';

const CATCH = `
fn_catch:
  r0 = r1
  r0 += 1000
  exit
`;

describe.each(variants)('bpf_throw on $name', (variant) => {
  const r0 = (text: string) => {
    const lab = new Lab();
    const code = lab.load(variant, throwing(text));
    const result = lab.r0(code);
    const word = (field: number) =>
      lab.runtime.view().getUint32(lab.runtime.cpuBlock + field, true);
    expect(word(C_DEPTH)).toBe(0);
    expect(word(C_STACK_TOP)).toBe(lab.runtime.cpuBlock + C_STACK_END);
    // Nothing is left over for the next run.
    expect(lab.r0(code)).toBe(result);
    return result;
  };

  it('without a callback returns all 64 bits of the cookie', () => {
    expect(r0(`r0 = 3\n${THROW(BIG)}r0 = 9\nexit`)).toBe(0x123456789abcdef0n);
  });

  it('calls the callback, whose result is the program’s', () => {
    expect(r0(`${THROW('7')}r0 = 9\nexit\n${CATCH}`)).toBe(1007n);
  });

  it('may stand at the end of a function', () => {
    expect(r0(`call fn_a\nr0 = 1\nexit\nfn_a:\n${THROW('5')}`)).toBe(5n);
  });

  it.each([
    ['short', ''],
    ['long', LONG],
  ])('ends %s functions on all levels', (_, filler) => {
    const text = `
      r6 = 1
      call fn_a
      r0 = 77
      exit
    fn_a:
      ${filler}
      call fn_b
      call fn_b
      r0 = 78
      exit
    fn_b:
      ${filler}
      ${THROW('5')}
      r0 = 79
      exit
    `;
    expect(r0(text)).toBe(5n);
    expect(r0(text + CATCH)).toBe(1005n);
  });

  it.each([
    ['short', ''],
    ['long', LONG],
  ])('is only for those who throw: %s functions', (_, filler) => {
    const text = (value: number) => `
      r1 = ${value}
      call fn_a
      r0 += 1
      exit
    fn_a:
      r6 = r1
      ${filler}
      if r6 == 0 goto fine
      r1 = r6
      kfunc bpf_throw
    fine:
      r0 = 40
      exit
    ${CATCH}`;
    expect(r0(text(0))).toBe(41n);
    expect(r0(text(9))).toBe(1009n);
  });

  it('gives the callback a clean frame, and lets it call', () => {
    const text = `
      r6 = 1
      r9 = 2
      *(u64 *)(r10 - 8) = 1
      r7 = r10
      call fn_a
      exit
    fn_a:
      ${LONG}
      r1 = r10
      kfunc bpf_throw
    fn_catch:
      r0 = r1
      r0 += r2
      r0 += r6
      r0 += r9
      r1 = r10
      r1 -= r0
      call fn_c
      r0 += r6
      exit
    fn_c:
      r0 = r1
      ${LONG}
      exit
    `;
    // Callbacks have the frame of the program, 512 bytes above the one that threw.
    expect(r0(text)).toBe(512n);
  });

  it('ends the program it is in: whoever called it by a tail call gets the result', () => {
    const lab = new Lab();
    const target = lab.load(variant, throwing(`${THROW('5')}exit\n${CATCH}`));
    const map = lab.programArray([target.entry]);
    const tailCall = `r2 = ${lab.handle(map)} ll\nr3 = 0\ncall 12\nr0 = 1\nexit`;
    expect(lab.r0(lab.load(variant, tailCall))).toBe(1005n);
    const nested = `call fn_a\nr0 += 1\nexit\nfn_a:\n${tailCall}`;
    expect(lab.r0(lab.load(variant, throwing(`r1 = r1\n${nested}`)))).toBe(1006n);
  });

  it('in a batch ends one run and not the others', () => {
    const lab = new Lab();
    const text = `
      r6 = r1
      r1 = *(u32 *)(r6 + 12)
      call fn_a
      exit
    fn_a:
      ${LONG}
      r0 = r1
      if r1 < 3 goto fine
      kfunc bpf_throw
    fine:
      exit
    ${CATCH}`;
    const code = lab.load(variant, throwing(text));
    const contexts = lab.runtime.allocate(64 * 6, 64);
    const results = lab.runtime.allocate(4 * 6, 8);
    const view = lab.runtime.view();
    for (let i = 0; i < 6; i++) view.setUint32(contexts + 64 * i + 12, i, true);
    expect(code.batch(contexts, 64, 6, results, 0)).toBe(6);
    const codes = Array.from({ length: 6 }, (_, i) => view.getInt32(results + 4 * i, true));
    expect(codes).toEqual([0, 1, 2, 1003, 1004, 1005]);
  });
});

describe.each(checkedVariants)('bpf_throw that nobody has verified, on $name', (variant) => {
  const fault = (text: string) => {
    const lab = new Lab();
    const image = throwing(text);
    const code = lab.load(variant, image);
    const { kind, insn } = faultOf(() => code.run(lab.context));
    return { kind, throwsAt: image.insns[8 * insn] === 0x85 && image.insns[8 * insn + 1]! >> 4 };
  };

  it('is a fault within a callback', () => {
    const text = `
      r1 = 3
      r2 = fn_a ll
      r3 = 0
      r4 = 0
      call 181
      exit
    fn_a:
      ${THROW('5')}
      r0 = 0
      exit
    `;
    expect(fault(text)).toEqual({ kind: 'bad instruction', throwsAt: 2 });
  });

  it('is a fault within the exception callback', () => {
    const text = `${THROW('5')}exit\nfn_catch:\n${LONG}${THROW('6')}exit`;
    expect(fault(text)).toEqual({ kind: 'bad instruction', throwsAt: 2 });
  });
});

describe.each([true, false])('programs that throw, in one pack (checks: %s)', (checks) => {
  const deep = (cookie: number) => `
    call fn_a
    r0 = 77
    exit
  fn_a:
    ${LONG}
    call 5
    ${THROW(String(cookie))}
    exit
  `;

  it('have exceptions of their own, when they run each other and when they move', () => {
    const lab = new Lab();
    const memory = wasmEngine.codeMemory!(lab.runtime, { packSize: 8 });
    let codes: LoadedCode[] = [];
    let level = 0;
    const all = [1, 1002, 3, 4];
    const inner: boolean[] = [];
    lab.runtime.setHostHelper(5, 0, () => {
      if (level >= 3) return;
      level++;
      memory.recompact({ waste: 0 });
      codes.forEach((code, i) => inner.push(code.run(lab.context) === all[i]));
      level--;
    });
    const texts = [deep(1), deep(2) + CATCH, 'call 5\nr0 = 3\nexit', deep(4)];
    codes = memory.together(() => texts.map((text) => memory.load(throwing(text), { checks })));
    expect(memory.packs()).toHaveLength(1);
    expect(codes.map((code) => code.run(lab.context))).toEqual(all);
    expect(inner).toEqual(Array<boolean>(4 * (4 + 16 + 64)).fill(true));
    expect(memory.packs()).toHaveLength(1);
  });
});

it('a fault of one that throws in a callback leaves nothing for the others of its pack', () => {
  const lab = new Lab();
  const memory = wasmEngine.codeMemory!(lab.runtime, { packSize: 8 });
  const wrong = `r1 = 3\nr2 = fn_a ll\nr3 = 0\nr4 = 0\ncall 181\nexit\nfn_a:\n${THROW('5')}exit`;
  const right = `call fn_a\nexit\nfn_a:\n${LONG}r0 = 8\nif r0 == 8 goto fine\n${THROW('5')}fine:\nexit`;
  const [faulty, fine] = memory.together(() =>
    [wrong, right].map((text) => memory.load(throwing(text), { checks: true })),
  );
  for (let round = 0; round < 3; round++) {
    expect(faultOf(() => faulty!.run(lab.context)).kind).toBe('bad instruction');
    expect(fine!.run(lab.context)).toBe(8);
    memory.recompact({ waste: 0 });
  }
});
