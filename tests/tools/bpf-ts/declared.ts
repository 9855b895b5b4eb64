/** What include/beeyard/bpf.d.ts declares, read as text: it has one form for each kind of thing. */
export function declarations(source: string) {
  const names = (pattern: RegExp) =>
    new Set([...source.matchAll(pattern)].map((match) => match[1]!));
  const found = (pattern: RegExp): string => pattern.exec(source)?.[1] ?? '';
  return {
    values: names(/^export (?:const|function) (\w+)/gm),
    types: names(/^export (?:type|interface) (\w+)/gm),
    constant: (name: string) => BigInt(found(new RegExp(`^export const ${name}: (\\w+);`, 'm'))),
    words(name: string): string[] {
      const union = found(new RegExp(`^export type ${name} =([^;]*);`, 'm'));
      return [...union.matchAll(/'(\w+)'/g)].map((match) => match[1]!).sort();
    },
    members(name: string): string[] {
      const body = found(new RegExp(`^export interface ${name} [^{]*{([^}]*)}`, 'm'));
      return linesOf(body).sort();
    },
    /** Types of the parameters, then of the result. */
    signature(name: string): string[] {
      const text = found(new RegExp(`^export function ${name}(\\([^;]*);`, 'm'));
      return [...text.matchAll(/: (\w+)/g)].map((match) => match[1]!);
    },
    header(name: string): string[] {
      return linesOf(found(new RegExp(`^export const ${name}: StructDescription<{([^}]*)}`, 'm')));
    },
  };
}

const linesOf = (body: string): string[] =>
  body
    .split(/[;\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
