namespace Dtt.Core.Storage;

/// <summary>
/// A file of lines that only grows. While the disk is full, lines wait in memory and are written with the next ones; a partly written line is
/// removed, so the file holds whole lines unless a kill interrupts a write.
/// </summary>
public sealed class LineLog : IDisposable
{
    private readonly FileStream _file;
    private readonly MemoryStream _waiting = new();

    /// <summary>Opens or creates a file; a last line torn by a kill is closed off.</summary>
    public LineLog(string path)
    {
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        if (_file.Length == 0) return;
        _file.Seek(-1, SeekOrigin.End);
        if (_file.ReadByte() != '\n') _waiting.WriteByte((byte)'\n');
    }

    /// <summary>Adds a line; it is in the file when this returns, unless the write failed.</summary>
    public void Append(ReadOnlySpan<byte> line)
    {
        _waiting.Write(line);
        _waiting.WriteByte((byte)'\n');
        _ = TryWrite(out _);
    }

    /// <summary>Sees to it that all lines are in the file.</summary>
    /// <exception cref="IOException">The disk is full or fails; the lines still wait.</exception>
    public void Flush()
    {
        if (!TryWrite(out var failure)) throw failure!;
    }

    /// <summary>Makes all lines durable.</summary>
    /// <exception cref="IOException">The disk is full or fails; the lines still wait.</exception>
    public void Sync()
    {
        Flush();
        _file.Flush(flushToDisk: true);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _ = TryWrite(out _);
        _file.Dispose();
    }

    private bool TryWrite(out IOException? failure)
    {
        failure = null;
        var end = _file.Seek(0, SeekOrigin.End);
        try
        {
            _file.Write(_waiting.GetBuffer(), 0, (int)_waiting.Length);
            _waiting.SetLength(0);
        }
        catch (IOException e)
        {
            if (_file.Length > end) _file.SetLength(end);
            failure = e;
        }

        return failure is null;
    }
}
