/**
 * Names of image files: which are read, and which are images that nothing here decodes. The latter are never passed
 * over in silence, because a class may consist of them.
 *
 * @module
 */

/** File names of images that are decoded. What a file holds is told by its first bytes, not by its name. */
const READ = /\.(jpe?g|jpe|jfif|png|webp|bmp|dib|gif|tiff?|p[pgbn]m)$/i;

/** File names of images that are not. */
const OTHER =
  /\.(heic|heif|avif|jp2|j2k|jpx|jxl|jxr|svgz?|ico|psd|tga|pcx|xcf|exr|hdr|dds|eps|cr2|cr3|nef|arw|dng|orf|rw2|raf)$/i;

/** Whether a file of that name is an image that is decoded. */
export function isImageName(path: string): boolean {
  return READ.test(path);
}

/** The format of an image that is not decoded, by its name, such as `heic`; `undefined` of any other file. */
export function otherFormatOf(path: string): string | undefined {
  return OTHER.exec(path)?.[1]?.toLowerCase();
}
