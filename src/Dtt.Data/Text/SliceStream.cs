namespace Dtt.Data.Text;

/// <summary>Part of a file as a stream of its own.</summary>
internal sealed class SliceStream : ReadOnlyStream
{
    private readonly Stream _file;
    private long _left;

    public SliceStream(Stream file, long offset, long length)
    {
        if (offset > 0) file.Position = offset;
        (_file, _left) = (file, length);
    }

    public override int Read(Span<byte> buffer)
    {
        var read = _file.Read(buffer[..(int)Math.Min(buffer.Length, _left)]);
        _left -= read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
        base.Dispose(disposing);
    }
}
