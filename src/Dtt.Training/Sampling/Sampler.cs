using System.Diagnostics;
using System.Text;
using Dtt.Data.Order;
using Dtt.Data.Tokenizers;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Sampling;

/// <summary>
/// Continues a text token by token with a key-value cache (without a causal mask new tokens change old ones, and everything is computed again); the same seed
/// gives the same text.
/// </summary>
internal sealed class Sampler(Gpt model, Vocabulary vocabulary)
{
    /// <summary>Writes one continuation.</summary>
    /// <param name="prompt">The text to continue; empty: a new document.</param>
    /// <param name="maxTokens">Most tokens to add; the end of the document ends it sooner.</param>
    /// <param name="choice">How tokens are chosen.</param>
    /// <param name="seed">Seed of the choices.</param>
    /// <param name="write">Called with the text as it grows, in whole characters.</param>
    /// <param name="cancelled">Asked before each token.</param>
    /// <returns>
    /// The tokens added, the time they took, the prompt's reading excluded, and whether the text ends for another reason than that the model gave numbers
    /// that are not finite.
    /// </returns>
    public (int Tokens, double Seconds, bool IsSound) Continue(
        string prompt, int maxTokens, TokenChoice choice, long seed, Action<string> write, Func<bool>? cancelled = null)
    {
        var context = new List<long> { vocabulary.EndOfText };
        context.AddRange(new BpeEncoder(vocabulary).Encode(prompt).Select(id => (long)id));
        using var scope = NewDisposeScope();
        using var cache = !model.Config.Causal ? null : new KeyValueCache(model.Config, model.Parameters);
        var logits = Feed(context, cache);
        var random = Mixing.Seed(seed, Purpose.Sample);
        var utf8 = Encoding.UTF8.GetDecoder();
        var characters = new char[256];
        var clock = Stopwatch.StartNew();
        var (made, sound) = (0, true);
        while (made < maxTokens && cancelled?.Invoke() != true && (sound = Array.TrueForAll(logits, float.IsFinite)))
        {
            var id = choice.Choose(logits, random = Mixing.Mix(random));
            made++;
            if (id == vocabulary.EndOfText) break;
            var bytes = vocabulary.BytesOf(id);
            if (characters.Length < bytes.Length + 4) characters = new char[bytes.Length * 2];
            var count = utf8.GetChars(bytes, characters, flush: false);
            if (count > 0) write(new string(characters, 0, count));
            context.Add(id);
            if (made < maxTokens) logits = Feed(cache is null ? context : cache.Length < model.Config.ContextLength ? [id] : Restart(context, cache), cache);
        }

        var rest = utf8.GetChars([], characters, flush: true);
        if (rest > 0) write(new string(characters, 0, rest));
        return (made, clock.Elapsed.TotalSeconds, sound);
    }

    /// <summary>A full cache starts over with the last three quarters of the context: positions are learned, so they cannot slide.</summary>
    private List<long> Restart(List<long> context, KeyValueCache cache)
    {
        cache.Advance(-cache.Length);
        return context.GetRange(context.Count - model.Config.ContextLength * 3 / 4, model.Config.ContextLength * 3 / 4);
    }

    private float[] Feed(List<long> ids, KeyValueCache? cache)
    {
        using var scope = NewDisposeScope();
        if (ids.Count > model.Config.ContextLength) ids = ids.GetRange(ids.Count - model.Config.ContextLength, model.Config.ContextLength);
        var inputs = tensor(ids.ToArray(), [1, ids.Count], dtype: ScalarType.Int64, device: model.Parameters.Master.device);
        return model.NextLogits(inputs, cache).cpu().data<float>().ToArray();
    }
}
