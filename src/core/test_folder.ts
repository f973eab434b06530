/**
 * A folder for one test.
 *
 * Test support, imported by tests only.
 *
 * @module
 */

/** Runs a test in a fresh folder that is removed afterwards. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Paths of all files below a folder, sorted. */
export async function filesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    paths.push(
      ...(isDirectory ? (await filesIn(`${folder}/${name}`)).map((path) => `${name}/${path}`) : [name]),
    );
  }
  return paths.sort();
}
