using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Errors;

namespace Dtt.Core.Runs;

/// <summary>Which token data a run trains on: the same identity gives the same windows, in whatever folder the shards lie.</summary>
/// <param name="TrainTokens">Tokens of all training shards.</param>
/// <param name="ValTokens">Tokens of all validation shards.</param>
/// <param name="Sha256">SHA-256 over the tokenizer's hash and, in canonical order, each shard's split, token count and hash; hex.</param>
public sealed record TokenIdentity(long TrainTokens, long ValTokens, string Sha256)
{
    /// <summary>The identity of several datasets' token data, in the order in which the run names them; of one, its own.</summary>
    public static TokenIdentity Of(IReadOnlyList<TokenIdentity> datasets) => datasets is [var one] ? one : new(
        datasets.Sum(d => d.TrainTokens),
        datasets.Sum(d => d.ValTokens),
        Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', datasets.Select(d => d.Sha256))))));

    private string InWords => $"{TrainTokens:N0} training and {ValTokens:N0} validation tokens ({Sha256[..12]})";

    /// <summary>Refuses other tokens than those that a run is of.</summary>
    /// <param name="pinned">The run's; null: an earlier build did not note them, and any are taken.</param>
    /// <param name="there">What is to be trained on.</param>
    /// <param name="run">The run.</param>
    /// <param name="folders">Where they lie.</param>
    /// <exception cref="UserErrorException">They are others. (Not a <see cref="BadDataException"/>: no earlier checkpoint would fit them either.)</exception>
    public static void Require(TokenIdentity? pinned, TokenIdentity there, string run, IReadOnlyList<string> folders)
    {
        if (WhatElse(pinned, there, folders) is not { } other) return;
        throw new UserErrorException($"run '{run}' was trained on {other}. Put its tokens back (the same text, tokenizer, val_fraction and "
            + $"shard_size give them again), or begin a new run from its weights: `dtt train --set init_from={run}`.", ExitCodes.BadData);
    }

    /// <summary>What the pinned tokens were and what is there now, when these are others; else null.</summary>
    public static string? WhatElse(TokenIdentity? pinned, TokenIdentity there, IReadOnlyList<string> folders) =>
        pinned is null || pinned == there ? null
            : $"{pinned.InWords}, and {string.Join(", ", folders)} now hold{(folders.Count == 1 ? "s" : "")} {there.InWords}";
}
