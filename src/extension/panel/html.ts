import type { Texts } from '../../base/translate.ts';
import { escapeMarkup } from '../../report/markup.ts';

export interface PageParts {
  /** Addresses of `dist/panel.js` and `dist/panel.css` as the webview reaches them. */
  script: string;
  style: string;
  /** Origin of the webview's own resources (`webview.cspSource`). */
  origin: string;
  nonce: string;
  title: string;
  /** Of the editor: `en`, `de`. */
  language: string;
  /** For `webview/language.ts`. */
  texts: Texts;
}

/**
 * The page of the compare panel. Nothing runs but the one script with the nonce, nothing is loaded from elsewhere, no style is
 * inline (elements and charts set theirs by script); pictures are those the panel makes of its own charts.
 */
export function panelHtml({ script, style, origin, nonce, title, language, texts }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${origin}`,
    `font-src ${origin}`,
    `img-src ${origin} data:`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="${escapeMarkup(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeMarkup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escapeMarkup(style)}">
<title>${escapeMarkup(title)}</title>
</head>
<body>
<div id="panel" data-texts="${escapeMarkup(JSON.stringify(texts))}"></div>
<script nonce="${nonce}" src="${escapeMarkup(script)}"></script>
</body>
</html>
`;
}
