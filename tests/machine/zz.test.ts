import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { comparable, recorded, replay } from './veth-replay.ts';
it('diff', async () => {
  const out: string[] = [];
  for (const s of recorded.scenarios) {
    try {
      const ours = await replay(s);
      s.frames.forEach((f, i) => {
        const a = ours.seen[i]!.map(comparable).sort(),
          b = s.answers.seen[i]!.map(comparable).sort();
        const A = [...a],
          B = [...b];
        for (const x of a) {
          const k = B.indexOf(x);
          if (k >= 0) {
            B.splice(k, 1);
            A.splice(A.indexOf(x), 1);
          }
        }
        if (A.length + B.length)
          out.push(
            `[${s.name}] ${f.name}`,
            ...A.map((x) => `    ours  ${x}`),
            ...B.map((x) => `    linux ${x}`),
          );
      });
      for (const [k, v] of Object.entries(s.answers.statistics))
        if (JSON.stringify(v) !== JSON.stringify(ours.statistics[k]))
          out.push(`[${s.name}] stat ${k}: ours ${ours.statistics[k]} linux ${v}`);
      if (JSON.stringify(s.answers.marks) !== JSON.stringify(ours.marks))
        out.push(
          `[${s.name}] marks ours ${JSON.stringify(ours.marks)} linux ${JSON.stringify(s.answers.marks)}`,
        );
    } catch (e) {
      out.push(`[${s.name}] THROWS ${(e as Error).stack!.slice(0, 600)}`);
    }
  }
  writeFileSync('/tmp/vdiff.txt', out.join('\n') + '\n');
}, 600000);
