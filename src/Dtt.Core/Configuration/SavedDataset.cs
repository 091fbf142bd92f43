using System.Text.Json;
using Dtt.Core.Errors;

namespace Dtt.Core.Configuration;

/// <summary>A folder that Hugging Face's <c>save_to_disk</c> made: its <c>state.json</c> lists its Arrow files; others beside them are caches.</summary>
internal static class SavedDataset
{
    private const string StateFile = "state.json";

    /// <summary>The files of a folder without the caches in it.</summary>
    /// <param name="files">Files, in order.</param>
    /// <exception cref="BadDataException">One that is listed is not there.</exception>
    public static IEnumerable<string> WithoutCaches(IEnumerable<string> files)
    {
        var listed = new Dictionary<string, IReadOnlyList<string>?>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            var folder = Path.GetDirectoryName(file)!;
            if (!file.EndsWith(".arrow", StringComparison.OrdinalIgnoreCase))
            {
                yield return file;
                continue;
            }

            if (!listed.TryGetValue(folder, out var names)) listed.Add(folder, names = Listed(folder));
            if (names is null || names.Contains(Path.GetFileName(file))) yield return file;
        }
    }

    /// <summary>The names that the state of a folder lists; null when there is none, or it is of something else.</summary>
    private static List<string>? Listed(string folder)
    {
        var state = Path.Combine(folder, StateFile);
        if (!File.Exists(state)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(state));
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("_data_files", out var files)) return null;
            List<string> names = [.. files.EnumerateArray().Select(f => f.GetProperty("filename").GetString()!)];
            return names.Find(n => !File.Exists(Path.Combine(folder, n))) is not { } gone ? names
                : throw new BadDataException($"{state} lists {gone}, which is not there: the folder was not copied whole. Copy or save it again.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }
}
