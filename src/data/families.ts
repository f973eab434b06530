/**
 * Families of classes where their names say them: `Greek/character03` is of the family `Greek`.
 *
 * @module
 */

/** What stands before the last slash of every name; `undefined` if a name has none. */
export function familiesOfNames(classNames: readonly string[]): string[] | undefined {
  const slashes = classNames.map((name) => name.lastIndexOf("/"));
  if (slashes.some((slash) => slash < 1)) return undefined;
  return classNames.map((name, i) => name.slice(0, slashes[i]));
}
