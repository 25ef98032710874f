import { chartSvg } from '../../src/report/svg.ts';
import { type DrawnChart, inZoom } from '../model/drawn.ts';

/** The chart as it is drawn, with legend, in the look of every other export. */
export const pictureSvg = (chart: DrawnChart): string => `${chartSvg(inZoom(chart))}\n`;

/** Pixels a unit of the SVG: sharp in print. */
const scale = 2;

/** The same picture as PNG, base64. Light, as paper is: a bitmap cannot follow the reader's theme. */
export async function picturePng(chart: DrawnChart): Promise<string> {
  const source = pictureSvg(chart).replaceAll(/@media \(prefers-color-scheme:dark\)\{.*\}/g, '');
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth * scale;
  canvas.height = image.naturalHeight * scale;
  const pen = canvas.getContext('2d')!;
  pen.fillStyle = '#ffffff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/png').split(',')[1]!;
}
