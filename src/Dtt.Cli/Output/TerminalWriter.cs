using System.Text;
using Dtt.Core.Platform;

namespace Dtt.Cli.Output;

/// <summary>stdout where it is a terminal: results with their control characters spelled out. A pipe or a file gets every byte as it is.</summary>
internal sealed class TerminalWriter(TextWriter terminal) : TextWriter
{
    public override Encoding Encoding => terminal.Encoding;

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => terminal.Write(TerminalText.Escape(value ?? ""));

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void WriteLine(string? value) => terminal.WriteLine(TerminalText.Escape(value ?? ""));

    public override void Flush() => terminal.Flush();
}
