using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Hub;

/// <summary>What is to be downloaded of a repository, pinned to one commit: <c>hub.json</c> in the raw folder, written before the first file.</summary>
public sealed record HubPlan
{
    /// <summary>The file's name.</summary>
    public const string FileName = "hub.json";

    /// <summary>The dataset's settings that decide what is downloaded.</summary>
    public required string Source { get; init; }

    /// <summary>The repository, such as <c>HuggingFaceFW/fineweb-edu</c>.</summary>
    public required string Repository { get; init; }

    /// <summary>The commit, 40 hex digits.</summary>
    public required string Commit { get; init; }

    /// <summary>Whether the listing is what a cache had, for nothing was to be fetched.</summary>
    public bool IsOfCache { get; init; }

    /// <summary>The files, in their order.</summary>
    public required IReadOnlyList<HubFile> Files { get; init; }

    /// <summary>Reads a raw folder's plan; null when there is none.</summary>
    /// <exception cref="BadDataException">It is damaged.</exception>
    public static HubPlan? Find(string rawFolder)
    {
        var file = Path.Combine(rawFolder, FileName);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), DataJson.Default.HubPlan);
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{JsonFile.Place(file, e)} is damaged ({JsonFile.Reason(e)}); move it away and run `dtt download` again.", e);
        }
    }

    /// <summary>Writes it.</summary>
    public void Save(string rawFolder) =>
        DurableFile.Replace(Path.Combine(rawFolder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, DataJson.Default.HubPlan));
}
