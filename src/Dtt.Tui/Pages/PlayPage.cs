using System.Globalization;
using System.Text;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>The playground: a prompt and its settings, and the text of a checkpoint as it is made.</summary>
internal sealed class PlayPage(string folder, long step) : Page
{
    private static readonly SampleSettings _defaults = new();

    private readonly (string Name, TextInput Input)[] _fields =
    [
        ("prompt", new TextInput(_defaults.Prompt)),
        ("temperature", new TextInput(_defaults.Temperature.ToString(CultureInfo.InvariantCulture))),
        ("top k", new TextInput(_defaults.TopK.ToString(CultureInfo.InvariantCulture))),
        ("seed", new TextInput(_defaults.Seed.ToString(CultureInfo.InvariantCulture))),
        ("tokens", new TextInput(_defaults.MaxTokens.ToString(CultureInfo.InvariantCulture))),
    ];

    private readonly StringBuilder _text = new();
    private int _field;
    private string _state = "press Enter to sample";
    private CancellationTokenSource? _sampling;

    public override string Title => $"Runs › {Path.GetFileName(folder)} › play {step.ToString("N0", CultureInfo.InvariantCulture)}";

    public override TextInput Input => _fields[_field].Input;

    public override Task RefreshAsync(IPlatform platform) => Task.CompletedTask;

    public override void Draw(Canvas canvas)
    {
        for (var i = 0; i < _fields.Length; i++)
        {
            canvas.Text(2, 1 + i, _fields[i].Name, Ink.Dim);
            canvas.Text(15, 1 + i, _fields[i].Input.Text + (i == _field ? "▏" : ""), i == _field ? Ink.Accent : Ink.Plain, canvas.Width - 16);
        }

        var y = _fields.Length + 2;
        canvas.Frame(0, y, canvas.Width, canvas.Height - y - 1, $"step {step.ToString("N0", CultureInfo.InvariantCulture)}   {_state}");
        string text;
        lock (_text) text = _text.ToString();
        var row = y + 1;
        foreach (var line in Wrap(text, canvas.Width - 4).TakeLast(Math.Max(1, canvas.Height - y - 3))) canvas.Text(2, row++, line);
    }

    public override void Close() => _sampling?.Cancel();

    /// <summary>Goes to another field.</summary>
    public void Move(int by) => _field = (_field + by + _fields.Length) % _fields.Length;

    /// <summary>Samples with the settings of the fields.</summary>
    public void Sample(Shell shell)
    {
        if (ReadSettings(out var wrong) is not { } settings)
        {
            shell.Say(wrong);
            return;
        }

        _sampling?.Cancel();
        var mine = _sampling = new CancellationTokenSource();
        lock (_text) _text.Clear().Append(TerminalText.Escape(settings.Prompt));
        _state = "loading …";
        shell.Do(null, async platform =>
        {
            await foreach (var message in platform.SampleAsync(folder, step, settings, mine.Token))
            {
                if (message is SampledText sampled)
                {
                    lock (_text) _text.Append(TerminalText.Escape(sampled.Text));
                    var rate = sampled.Tokens / Math.Max(sampled.Seconds, 1e-9);
                    _state = sampled.Done ? string.Create(CultureInfo.InvariantCulture, $"{sampled.Tokens} tokens, {rate:N0} tok/s") : "sampling …";
                }
                else if (message is RankFailed failed) _state = failed.Message;
                shell.Redraw();
            }
        });
    }

    private SampleSettings? ReadSettings(out string wrong)
    {
        var (culture, text) = (CultureInfo.InvariantCulture, _fields.Select(f => f.Input.Text).ToArray());
        wrong = "temperature takes a number; top k, seed and tokens take whole numbers.";
        if (!double.TryParse(text[1], NumberStyles.Float, culture, out var temperature) || !int.TryParse(text[2], culture, out var topK)
            || !long.TryParse(text[3], culture, out var seed) || !int.TryParse(text[4], culture, out var tokens)) return null;
        var settings = _defaults with { Prompt = text[0], Temperature = temperature, TopK = topK, Seed = seed, MaxTokens = tokens };
        wrong = settings.Errors().FirstOrDefault() ?? "";
        return wrong.Length == 0 ? settings : null;
    }

    internal static IEnumerable<string> Wrap(string text, int width)
    {
        foreach (var paragraph in text.Split('\n'))
        {
            var rest = paragraph;
            while (rest.Length > width && width > 0)
            {
                var cut = rest.LastIndexOf(' ', width - 1);
                if (cut <= 0) cut = width;
                yield return rest[..cut];
                rest = rest[cut..].TrimStart(' ');
            }

            yield return rest;
        }
    }
}
