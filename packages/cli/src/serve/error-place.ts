import { execFile } from 'node:child_process'
import { basename, dirname } from 'node:path'
import { pathToFileURL } from 'node:url'

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Where JSON goes wrong, from 1; at its end if the error says no more. undefined: it is no error of JSON. */
const lineOfJson = ({ message }: Error, text: string): number | undefined => {
  const position = / at position (\d+)/.exec(message)?.[1]
  if (position === undefined && !message.endsWith('end of JSON input')) return undefined
  return text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length
}

/** The first place that a report names: in the file, or in one beside or below it that it imports. */
const placeIn = (report: string, file: string): string | undefined => {
  const folder = dirname(file)
  const folders = `(?:${escaped(pathToFileURL(folder).href)}|${escaped(folder)})`
  const places = report.matchAll(new RegExp(`${folders}[\\\\/]([^:\\n]+):(\\d+)`, 'g'))
  const own = [...places].find(([, name = '']) => !name.includes('node_modules'))
  return own === undefined ? undefined : `${decodeURI(own[1] ?? '')}:${own[2] ?? ''}`
}

/** Node says where a module cannot be parsed only where that ends the process. */
const reportOfParsing = (file: string): Promise<string> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['--check', file], (_error, _stdout, stderr) => resolve(stderr))
  })

/** Where reading a file with this text went wrong, as `name:line`. undefined if nobody says. */
export const placeOfError = async (error: unknown, file: string, text: string): Promise<string | undefined> => {
  if (!(error instanceof Error)) return undefined
  const line = lineOfJson(error, text)
  if (line !== undefined) return `${basename(file)}:${line}`
  const place = placeIn(`${error.message}\n${error.stack ?? ''}`, file)
  return place ?? (error instanceof SyntaxError ? placeIn(await reportOfParsing(file), file) : undefined)
}
