/** Words of one assembly statement, and of the table's templates: one lexer for both. */
export type Token =
  | { readonly kind: 'register'; readonly half: boolean; readonly value: number }
  | { readonly kind: 'number'; readonly value: bigint }
  /** `name#5` of the kernel's text. */
  | { readonly kind: 'callee'; readonly name: string; readonly value: bigint }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'hole'; readonly name: string }
  /** Operators and words that stand for themselves. */
  | { readonly kind: 'literal'; readonly text: string };

const NUMBER = String.raw`[+-]?\s*(?:0[xX][0-9a-fA-F]+|\d+)(?=ll\b|\b)`;

const PATTERN = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`\{(?<hole>[a-z]+)\}`,
    String.raw`(?<operator>s?(?:<<=|>>=)|s?(?:<=|>=|/=|%=)|[+\-*|&^]=|==|!=|s[<>](?!\w))`,
    String.raw`(?<register>[rw]\d+)\b`,
    String.raw`(?<number>${NUMBER})`,
    String.raw`(?<callee>[A-Za-z_][\w.$-]*)#(?<id>-?\d+)`,
    String.raw`(?<word>[A-Za-z_.$][\w.$]*)`,
    String.raw`(?<mark>[=*()[\],&<>+-])`,
  ].join('|'),
  'y',
);

/** Tokens of `text`, or undefined at a character that belongs nowhere. */
export function lex(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  for (PATTERN.lastIndex = 0; PATTERN.lastIndex < text.length; ) {
    const groups = PATTERN.exec(text)?.groups;
    if (groups === undefined) return undefined;
    if (groups['space'] === undefined) tokens.push(token(groups));
  }
  return tokens.filter(isNoPlusSign).map(markLabel);
}

/** `r1 + -5`, `r1 + 5` and `r1 +5` are one: the sign belongs to the number. */
function isNoPlusSign(current: Token, i: number, all: readonly Token[]): boolean {
  const after = all[i + 1]?.kind;
  const operand = after === 'number' || after === 'hole';
  return !(current.kind === 'literal' && current.text === '+' && operand);
}

function token(groups: Record<string, string | undefined>): Token {
  const { hole, register, number, callee, id } = groups;
  if (hole !== undefined) return { kind: 'hole', name: hole };
  if (register !== undefined) {
    return { kind: 'register', half: register[0] === 'w', value: Number(register.slice(1)) };
  }
  if (number !== undefined) return { kind: 'number', value: toBigInt(number) };
  if (callee !== undefined) return { kind: 'callee', name: callee, value: BigInt(id!) };
  return { kind: 'literal', text: groups['operator'] ?? groups['word'] ?? groups['mark']! };
}

function toBigInt(text: string): bigint {
  const digits = text.replace(/[+\-\s]/g, '');
  return text.startsWith('-') ? -BigInt(digits) : BigInt(digits);
}

const JUMPS = new Set(['goto', 'gotol', 'may_goto', 'call']);

/** A word that ends a jump, or stands before a final `ll`, is a label. */
function markLabel(current: Token, i: number, all: readonly Token[]): Token {
  if (current.kind !== 'literal' || !/^[A-Za-z_.$]/.test(current.text)) return current;
  const before = all[i - 1];
  const after = all[i + 1];
  const target = before?.kind === 'literal' && JUMPS.has(before.text) && i === all.length - 1;
  const address = after?.kind === 'literal' && after.text === 'll' && i === all.length - 2;
  return target || address ? { kind: 'label', name: current.text } : current;
}
