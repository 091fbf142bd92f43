using System.Text;
using Dtt.Core.Storage;

namespace Dtt.Data;

/// <summary>A folder in which several processes in turn make something: <c>source</c> says from what, and work of another source is deleted.</summary>
public static class WorkFolder
{
    private const string Plan = "pieces 2\n"; // how text is cut into pieces: work on pieces of another plan is deleted too

    /// <summary>Makes the folder, or keeps it when it belongs to the same source.</summary>
    public static void Begin(string folder, ReadOnlySpan<byte> source)
    {
        var file = Path.Combine(folder, "source");
        byte[] planned = [.. Encoding.ASCII.GetBytes(Plan), .. source];
        if (File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(planned)) return;
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        DurableFile.Replace(file, planned);
    }
}
