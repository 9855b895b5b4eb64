/** Words that cannot be the name of a type or that would hide one the declarations use. */
const RESERVED = new Set(
  `any as async await bigint boolean break case catch class const continue debugger declare default
  delete do else enum export extends false finally for function if implements import in infer
  instanceof interface keyof let module namespace never new null number object of package private
  protected public readonly require return static string super switch symbol this throw true try
  type typeof undefined unique unknown var void while with yield`.split(/\s+/),
);

/**
 * Names for TypeScript: structs, unions, enums and typedefs share one space there, and may hold
 * several types of one name. The second one gets `___2` behind its name, as in a C dump.
 */
export class TsNames {
  readonly #taken = new Map<string, number>();

  /** `taken`: names that must not be given. */
  constructor(taken: Iterable<string> = []) {
    for (const name of taken) this.#taken.set(name, 1);
  }

  /** A name nobody has yet, as near to `wanted` as the language allows. */
  give(wanted: string): string {
    const name = asIdentifier(wanted);
    const count = (this.#taken.get(name) ?? 0) + 1;
    this.#taken.set(name, count);
    return count > 1 ? this.give(`${name}___${count}`) : name;
  }
}

function asIdentifier(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_$]/g, '_').replace(/^(?=\d)/, '_');
  return RESERVED.has(plain) ? `${plain}_` : plain;
}

/** A name as the key of a member: quoted where it is no identifier. */
export function memberKey(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : quote(name);
}

/** A name as a literal type, in the quotes the rest of the declarations has. */
export function quote(name: string): string {
  return `'${JSON.stringify(name).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
