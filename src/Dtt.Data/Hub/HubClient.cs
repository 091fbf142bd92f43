using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Polly;

namespace Dtt.Data.Hub;

/// <summary>
/// The verbs of the Hub over plain HTTP: what a revision is, what it holds, and the bytes of its files. Each is tried again while that may help.
/// </summary>
public sealed class HubClient : IDisposable
{
    private const int MostRedirects = 10;
    private const int MostPages = 10_000;
    private const long MostListedBytes = 64L << 20;
    private readonly HubAccess _access;
    private readonly HubRetry _retry;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _tries;
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // the token goes to the endpoint alone
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(20),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>Makes a client.</summary>
    /// <param name="access">The Hub, and who asks.</param>
    /// <param name="say">Told before each wait that a failure makes necessary.</param>
    /// <param name="retry">How often a request is made again.</param>
    /// <param name="time">The clock.</param>
    public HubClient(HubAccess access, Action<string>? say = null, HubRetry? retry = null, TimeProvider? time = null)
    {
        (_access, _retry, _time) = (access, retry ?? HubRetry.Default, time ?? TimeProvider.System);
        _tries = _retry.Build(say ?? (_ => { }), _time);
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("dtt/1.0");
    }

    /// <summary>The commit that a revision (a branch, a tag or a commit) names now.</summary>
    /// <exception cref="BadDataException">There is no such repository or revision, or this user may not read it.</exception>
    /// <exception cref="IOException">The Hub cannot be reached, or does not answer as it should.</exception>
    public Task<string> CommitOfAsync(string repository, string revision, CancellationToken cancellation) => TryAsync(async c =>
    {
        var address = $"{_access.Endpoint}/api/datasets/{repository}/revision/{Uri.EscapeDataString(revision)}";
        using var answer = await GetAsync(new Uri(address), null, repository, revision, c);
        var info = await JsonAsync(answer, address, HubJson.Default.RevisionInfo, c);
        return info.Sha is { Length: 40 } sha && sha.All(char.IsAsciiHexDigit) ? sha
            : throw new BadDataException($"{address} names no commit; is HF_ENDPOINT ({_access.Endpoint}) a Hub?");
    }, cancellation);

    /// <summary>The files of a commit, in the order of their paths.</summary>
    /// <exception cref="BadDataException">The listing is not what it should be.</exception>
    /// <exception cref="IOException">As for <see cref="CommitOfAsync"/>.</exception>
    public async Task<IReadOnlyList<HubFile>> ListAsync(string repository, string commit, CancellationToken cancellation)
    {
        var files = new Dictionary<string, HubFile>(StringComparer.Ordinal);
        Uri? next = new($"{_access.Endpoint}/api/datasets/{repository}/tree/{commit}?recursive=true");
        for (var page = 0; next is not null; page++)
        {
            if (page == MostPages) throw new BadDataException($"the listing of {repository} has more than {MostPages:N0} pages.");
            var address = next;
            next = await TryAsync(async c =>
            {
                using var answer = await GetAsync(address, null, repository, commit, c);
                foreach (var entry in await JsonAsync(answer, address.ToString(), HubJson.Default.TreeEntryArray, c))
                {
                    if (entry is { Type: "file", Path: { } path, Size: { } size and >= 0, Oid: { } id })
                        files[path] = new HubFile(path, entry.Lfs?.Size ?? size, entry.Lfs?.Oid?.ToLowerInvariant(), id.ToLowerInvariant());
                }

                return NextPage(answer, address);
            }, cancellation);
        }

        return [.. files.Values.OrderBy(f => f.Path, StringComparer.Ordinal)];
    }

    /// <summary>The bytes of a small file, such as a description; null when the commit has none.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="commit">The commit.</param>
    /// <param name="file">The file.</param>
    /// <param name="most">Most bytes that are read; the rest is left.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="IOException">As for <see cref="CommitOfAsync"/>.</exception>
    public Task<byte[]> ReadAsync(string repository, string commit, HubFile file, int most, CancellationToken cancellation) => TryAsync(async c =>
    {
        using var answer = await GetAsync(AddressOf(repository, commit, file), null, repository, commit, c);
        await using var stream = await answer.Content.ReadAsStreamAsync(c);
        var bytes = new byte[Math.Min(most, file.Bytes)];
        var read = await Guarded(c, g => stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, g).AsTask());
        return read == bytes.Length ? bytes : throw new HubException($"{_access.Host} cut {file.Path} short");
    }, cancellation);

    /// <summary>
    /// Asks for a file's bytes from an offset on and hands the answer to <paramref name="take"/>, until all are there. An answer that was cut after some bytes
    /// is asked for again at once; one that brought none after a while, a limited number of times.
    /// </summary>
    /// <param name="repository">The repository.</param>
    /// <param name="commit">The commit.</param>
    /// <param name="file">The file.</param>
    /// <param name="have">How many bytes are there already.</param>
    /// <param name="take">Takes the answer's bytes, which begin at the offset that it is told.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="BadDataException">It is not there any more, or may not be read.</exception>
    /// <exception cref="IOException">As for <see cref="CommitOfAsync"/>.</exception>
    internal async Task FetchAsync(string repository, string commit, HubFile file, Func<long> have, Func<Stream, long, CancellationToken, Task> take,
        CancellationToken cancellation)
    {
        while (have() < file.Bytes)
        {
            _ = await TryAsync(async c =>
            {
                var before = have();
                try
                {
                    using var answer = await GetAsync(AddressOf(repository, commit, file), before, repository, commit, c);
                    await take(new StallStream(await answer.Content.ReadAsStreamAsync(c), _retry.Stall), StartOf(answer, file, before), c);
                    if (have() == before) throw new HttpIOException(HttpRequestError.ResponseEnded, "the answer had no bytes");
                }
                catch (Exception e) when (IsBroken(e, c) && have() > before)
                {
                    // It is gone on with from there.
                }
                catch (Exception e) when (IsBroken(e, c))
                {
                    throw new HubException($"{_access.Host} broke off {file.Path} at byte {have():N0} of {file.Bytes:N0}", inner: e);
                }

                return true;
            }, cancellation);
        }
    }

    /// <summary>Where a file's bytes are asked for.</summary>
    public Uri AddressOf(string repository, string commit, HubFile file) =>
        new($"{_access.Endpoint}/datasets/{repository}/resolve/{commit}/{string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();

    private async Task<T> TryAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        try
        {
            return await _tries.ExecuteAsync(async c =>
            {
                try
                {
                    return await work(c);
                }
                catch (Exception e) when (IsBroken(e, c))
                {
                    throw new HubException($"{_access.Host} cannot be reached: {Why(e)}", inner: e);
                }
            }, cancellation);
        }
        catch (HubException e)
        {
            throw new IOException($"{e.Message}, {_retry.Tries} times; what was downloaded is kept, and the same command goes on from there", e);
        }
    }

    /// <summary>Follows redirects; the token goes to the endpoint alone, and nothing leads from https to http.</summary>
    private async Task<HttpResponseMessage> GetAsync(Uri address, long? from, string repository, string revision, CancellationToken cancellation)
    {
        if (_access.IsOffline) throw new BadDataException($"HF_HUB_OFFLINE is set, so {address.GetLeftPart(UriPartial.Path)} is not fetched; unset it.");
        var endpoint = new Uri(_access.Endpoint);
        for (var (hop, at) = (0, address); ; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, at);
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            if (from is > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            if (_access.Token is { } token && IsSame(at, endpoint)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var answer = await Guarded(cancellation, c => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, c));
            if (answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent) return answer;
            using (answer)
            {
                if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308) || answer.Headers.Location is not { } location)
                    throw HubErrors.Of(answer, at, isOwn: IsSame(at, endpoint), _access, repository, revision, _time.GetUtcNow());
                if (hop == MostRedirects) throw new BadDataException($"{address} leads from one address to another without end.");
                var to = new Uri(at, location);
                if (to.Scheme is not ("http" or "https") || (at.Scheme == "https" && to.Scheme == "http"))
                    throw new BadDataException($"{at} leads to {to.GetLeftPart(UriPartial.Path)}, which is not encrypted any more; refused.");
                at = to;
            }
        }
    }

    private async Task<T> Guarded<T>(CancellationToken cancellation, Func<CancellationToken, Task<T>> work)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(_retry.Stall);
        try
        {
            return await work(stall.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpIOException(HttpRequestError.Unknown, $"no answer for {_retry.Stall.TotalSeconds:0} s", e);
        }
    }

    private async Task<T> JsonAsync<T>(HttpResponseMessage answer, string address, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type,
        CancellationToken cancellation)
    {
        await using var stream = new StallStream(await answer.Content.ReadAsStreamAsync(cancellation), _retry.Stall, MostListedBytes);
        try
        {
            return await JsonSerializer.DeserializeAsync(stream, type, cancellation) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{address} did not answer with what a Hub answers ({JsonFile.Reason(e)}); is HF_ENDPOINT "
                + $"({_access.Endpoint}) a Hub, and is there a proxy between?", e);
        }
    }

    private static Uri? NextPage(HttpResponseMessage answer, Uri address)
    {
        if (!answer.Headers.TryGetValues("Link", out var links)) return null;
        var next = links.SelectMany(l => l.Split(',')).Select(l => l.Trim()).FirstOrDefault(l => l.Contains("rel=\"next\"", StringComparison.Ordinal));
        if (next is not ['<', ..] || next.IndexOf('>', StringComparison.Ordinal) is not (> 0 and var end)) return null;
        var to = new Uri(address, next[1..end]);
        return IsSame(to, address) ? to : throw new BadDataException($"{address} goes on at another host ({to.Authority}); refused.");
    }

    /// <summary>At which byte an answer begins.</summary>
    private static long StartOf(HttpResponseMessage answer, HubFile file, long asked)
    {
        if (answer.StatusCode == HttpStatusCode.OK) return 0;
        var range = answer.Content.Headers.ContentRange;
        if (range?.From == asked && (range.Length is null || range.Length == file.Bytes)) return asked;
        throw new BadDataException($"{answer.RequestMessage!.RequestUri!.GetLeftPart(UriPartial.Path)} answers with bytes {range}, and "
            + $"{asked}-{file.Bytes - 1}/{file.Bytes} were asked for.");
    }

    private static bool IsSame(Uri one, Uri other) => one.Scheme == other.Scheme && one.Authority == other.Authority;

    private static bool IsBroken(Exception e, CancellationToken cancellation) => !cancellation.IsCancellationRequested
        && e is HttpRequestException or HttpIOException or SocketException or IOException { InnerException: SocketException };

    private static string Why(Exception e) => e.InnerException is SocketException inner ? inner.Message : e.Message;
}

/// <summary>The Hub's answers, as far as they are read.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RevisionInfo))]
[JsonSerializable(typeof(TreeEntry[]))]
internal sealed partial class HubJson : JsonSerializerContext;

internal sealed record RevisionInfo(string? Sha);

internal sealed record TreeEntry(string? Type, string? Path, long? Size, string? Oid, LargeFile? Lfs);

internal sealed record LargeFile(string? Oid, long? Size);
