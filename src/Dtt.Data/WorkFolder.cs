using Dtt.Core.Storage;

namespace Dtt.Data;

/// <summary>A folder in which several processes in turn make something: <c>source.json</c> says from what, and work of another source is deleted.</summary>
public static class WorkFolder
{
    /// <summary>Makes the folder, or keeps it when it belongs to the same source.</summary>
    public static void Begin(string folder, ReadOnlySpan<byte> source)
    {
        var file = Path.Combine(folder, "source.json");
        if (File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(source)) return;
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        DurableFile.Replace(file, source);
    }
}
