using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Dtt.Data.Text;

/// <summary>A Zstandard file, decompressed: all of its frames, of any window.</summary>
internal sealed class ZstandardStream : ReadOnlyStream
{
    private const int LargestWindowLog = 31; // what `zstd --long=31` needs; memory is taken as the text fills it

    private readonly FileStream _file;
    private readonly DecompressionStream _text;

    public ZstandardStream(FileStream file)
    {
        (_file, _text) = (file, new DecompressionStream(file, leaveOpen: false));
        _text.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, LargestWindowLog);
    }

    public override int Read(Span<byte> buffer)
    {
        try
        {
            return _text.Read(buffer);
        }
        catch (EndOfStreamException e)
        {
            throw TextStream.Damaged(_file, _file.Position, "the file ends inside a frame", e);
        }
        catch (ZstdException e)
        {
            throw TextStream.Damaged(_file, _file.Position, e.Message, e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _text.Dispose();
        base.Dispose(disposing);
    }
}
