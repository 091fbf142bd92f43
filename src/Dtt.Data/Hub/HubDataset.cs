using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Text;

namespace Dtt.Data.Hub;

/// <summary>
/// A dataset of the Hub on its way into a raw folder, in steps that may each be repeated, by any process that sees the files: a plan that pins the commit, each
/// of its files in any order, and then the manifest.
/// </summary>
/// <param name="config">The dataset's configuration.</param>
/// <param name="rawFolder">Where the files go.</param>
/// <param name="access">The Hub, and who asks.</param>
/// <param name="say">Told what the user should know while it goes on.</param>
/// <param name="retry">How often a request is made again.</param>
public sealed class HubDataset(DatasetConfig config, string rawFolder, HubAccess access, Action<string>? say = null, HubRetry? retry = null) : IDisposable
{
    private const string ConversionBranch = "refs/convert/parquet";
    private const int MostCardBytes = 4 << 20;
    private readonly HubClient _client = new(access, say, retry);

    private string Repository => config.HubPath!;

    private HubCache Cache => new(access.Cache, Repository);

    /// <summary>What decides which files are downloaded.</summary>
    public static string SourceOf(DatasetConfig config) => $"hub:{config.HubPath} name:{config.HubName} split:{config.HubSplit} revision:{config.HubRevision}"
        + (config.MaxBytes is { } most ? $" max_bytes:{most}" : "") + (config.MaxDocuments is not { } documents ? ""
            : $" ndocs:{documents} of documents:{config.Documents} text_field:{config.TextField}" + (config.SkipsBadDocuments ? " on_bad_document:skip" : ""));

    /// <summary>The plan: that of an earlier call with the same settings, or a new one, whose files are looked up and pinned to a commit.</summary>
    /// <exception cref="BadDataException">There is no such dataset, configuration or split, or it may not be read.</exception>
    /// <exception cref="IOException">The Hub cannot be reached.</exception>
    public async Task<HubPlan> PlanAsync(CancellationToken cancellation)
    {
        var source = SourceOf(config);
        if (HubPlan.Find(rawFolder) is { } there && there.Source == source && (access.IsOffline || !there.IsOfCache)) return there;
        var (commit, files) = access.IsOffline ? FindInCache() : await LookUpAsync(cancellation);
        var plan = new HubPlan { Source = source, Repository = Repository, Commit = commit, IsOfCache = access.IsOffline, Files = Head(files) };
        foreach (var file in plan.Files) _ = PlaceOf(file); // none leads out of the folder
        if (config.MaxDocuments is { } most) plan = await HeadAsync(plan, most, cancellation);
        Directory.CreateDirectory(rawFolder);
        plan.Save(rawFolder);
        return plan;
    }

    /// <summary>Brings a file of the plan to its place.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="number">The file's number in it.</param>
    /// <param name="progress">Told how many of its bytes are there.</param>
    /// <param name="cancellation">Ends it; what came stays.</param>
    /// <returns>SHA-256 of its bytes, hex.</returns>
    /// <exception cref="BadDataException">It is not what the listing says.</exception>
    /// <exception cref="IOException">The Hub or the disk fails.</exception>
    public Task<string> BringAsync(HubPlan plan, int number, Action<long> progress, CancellationToken cancellation) =>
        new HubDownload(_client, Cache, plan.Repository, plan.Commit).BringAsync(plan.Files[number], PlaceOf(plan.Files[number]), progress, cancellation);

    /// <summary>Where a file of a plan lies.</summary>
    /// <exception cref="BadDataException">Its path leads out of the folder.</exception>
    public string PlaceOf(HubFile file) => file.Path is RawManifest.FileName or HubPlan.FileName
        ? throw new BadDataException($"{Repository} has a file '{file.Path}', a name that DTT's own file in the raw folder has; it cannot be downloaded.")
        : file.In(Path.GetFullPath(rawFolder));

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _client.Dispose();

    private async Task<(string Commit, IReadOnlyList<HubFile> Files)> LookUpAsync(CancellationToken cancellation)
    {
        var commit = await _client.CommitOfAsync(Repository, config.HubRevision ?? "main", cancellation);
        var all = await _client.ListAsync(Repository, commit, cancellation);
        var card = all.FirstOrDefault(f => f.Path == "README.md");
        var cards = card is null ? [] : HubCard.Read(
            Encoding.UTF8.GetString(await _client.ReadAsync(Repository, commit, card, MostCardBytes, cancellation)), $"{Repository}/README.md");
        var chosen = HubSelection.Choose(Repository, all, cards, config.HubName, config.HubSplit, say);
        if (chosen.Count > 0) return (commit, chosen);
        if (config.HubRevision is not null) throw Nothing(all);
        var converted = await _client.CommitOfAsync(Repository, ConversionBranch, cancellation);
        var parquet = HubSelection.OfConversion(Repository, await _client.ListAsync(Repository, converted, cancellation), config.HubName, config.HubSplit);
        return parquet.Count > 0 ? (converted, parquet) : throw Nothing(all);
    }

    private (string Commit, IReadOnlyList<HubFile> Files) FindInCache()
    {
        var commit = Cache.CommitOf(config.HubRevision ?? "main");
        var all = commit is null ? [] : Cache.List(commit);
        if (all.Count > 0 && !all.Any(f => f.Path == "README.md"))
        {
            throw new BadDataException($"HF_HUB_OFFLINE is set, and the cache {access.Cache} has no README.md of {Repository}, which says what belongs to it; "
                + "unset it, or download the whole dataset into the cache.");
        }

        var readme = all.FirstOrDefault(f => f.Path == "README.md") is { } card ? Cache.Find(card) : null;
        var cards = readme is null ? [] : HubCard.Read(File.ReadAllText(readme), readme);
        var chosen = HubSelection.Choose(Repository, all, cards, config.HubName, config.HubSplit, say);
        return chosen.Count > 0 ? (commit!, chosen) : throw new BadDataException(
            $"HF_HUB_OFFLINE is set, and the cache {access.Cache} has no data of {Repository}; unset it, or name the cache that has them with HF_HUB_CACHE.");
    }

    /// <summary>The first files up to <c>max_bytes</c>, one at least.</summary>
    private IReadOnlyList<HubFile> Head(IReadOnlyList<HubFile> files)
    {
        if (config.MaxBytes is not { } most) return files;
        var (bytes, count) = (0L, 0);
        while (count < files.Count && (count == 0 || bytes + files[count].Bytes <= most)) bytes += files[count++].Bytes;
        return [.. files.Take(count)];
    }

    /// <summary>The first files, which are brought to be counted, up to the one with the last document that is wanted.</summary>
    private async Task<HubPlan> HeadAsync(HubPlan plan, long most, CancellationToken cancellation)
    {
        for (var (count, left) = (0, most); count < plan.Files.Count; count++)
        {
            await BringAsync(plan, count, _ => { }, cancellation);
            left -= PiecePlan.Count(PlaceOf(plan.Files[count]), left, config);
            if (left == 0) return plan with { Files = [.. plan.Files.Take(count + 1)] };
        }

        return plan;
    }

    private BadDataException Nothing(IReadOnlyList<HubFile> all) => new($"{Repository} has no data in a form that DTT reads ({TextFormat.Endings}); it has "
        + $"{RawFiles.Few([.. all.Select(f => f.Path).Where(p => !p.StartsWith('.'))])}.");
}
